"""What flows into and out of a decoder."""
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor


@dataclass
class CategoryContext:
    """The categories that a batch is decoded against.

    Attributes:
        candidates: (B, K) bool, the categories that the taxonomy may be compiled from.
        text: (K, d) prepared text embeddings; None for models that read no text.
        counts: (B,) int64 on the CPU, the number of candidates where that is known there, so that
            nothing waits for the device to count them.
    """

    candidates: Tensor
    text: Tensor | None = None
    counts: Tensor | None = None

    def count(self) -> Tensor:
        """(B,) int64 on the CPU, the number of candidates."""
        return self.candidates.sum(1).cpu() if self.counts is None else self.counts

    def for_frames(self, frames: int) -> 'CategoryContext':
        """The same for each of T frames: (B * T, K) candidates."""
        counts = None if self.counts is None else self.counts.repeat_interleave(frames)
        return CategoryContext(
            self.candidates.repeat_interleave(frames, dim=0), self.text, counts)


@dataclass
class CompiledTaxonomy:
    """The categories that a clip may hold, read by TaxonomyCompilation.

    Attributes:
        embeddings: (B, N_T, C) refined embeddings of the selected categories.
        indices: (B, N_T) int64, which categories were selected, best first; K is the row that
            `with_background` adds.
        padding: (B, N_T) bool, True for the places that hold no category because the
            sample has fewer than N_T candidates.
        ranking: (B, K), or (B, K + 1) `with_background`: the scores by which was selected, before
            the sigmoid.
        refined: (B, K, C) embeddings of all categories after the last block (E3).
    """

    embeddings: Tensor
    indices: Tensor
    padding: Tensor
    ranking: Tensor
    refined: Tensor

    @property
    def score_logits(self) -> Tensor:
        """(B, K) score of every category before the sigmoid."""
        return self.ranking[:, :self.refined.shape[1]]

    def select(self, samples: slice) -> 'CompiledTaxonomy':
        """That of some of the B samples."""
        return CompiledTaxonomy(**{
            entry.name: getattr(self, entry.name)[samples] for entry in fields(self)
        })

    def for_frames(self, frames: int) -> 'CompiledTaxonomy':
        """The same for each of T frames: every field B * T long."""
        return CompiledTaxonomy(**{
            entry.name: getattr(self, entry.name).repeat_interleave(frames, dim=0)
            for entry in fields(self)
        })


@dataclass
class QueryPrediction:
    """The prediction of all queries after one stage of a decoder.

    Attributes:
        class_logits: (B, Q, K + 1), finite and unmasked; the last column is no-object.
        mask_embeds: (B, Q, C_mask), multiplied with the mask features.
        query_embeds: (B, Q, C) normalised queries, compared when tracks are linked.
    """

    class_logits: Tensor
    mask_embeds: Tensor
    query_embeds: Tensor


@dataclass
class BoxPrediction:
    """The prediction of all queries after one layer of a detection decoder.

    Attributes:
        class_logits: (N, Q, K) before the sigmoid, finite and unmasked.
        boxes: (N, Q, 4), centre x, y, width and height as fractions of the image.
        references: (N, Q, 2), centres that the layer started from.
        query_embeds: (N, Q, C).
    """

    class_logits: Tensor
    boxes: Tensor
    references: Tensor
    query_embeds: Tensor

    def select(self, images: slice) -> 'BoxPrediction':
        """Those of some of the N images."""
        return BoxPrediction(**{
            entry.name: getattr(self, entry.name)[images] for entry in fields(self)
        })


@dataclass
class DecoderOutputs:
    """All predictions of a decoder for a batch of clips; frame decoders make clips of frames.

    Attributes:
        predictions: Of the injected queries before layer 1 and then after
            each layer; the last one alone when auxiliary predictions were not asked for.
        mask_features: (B, T, C_mask, H, W) of stride 4; None of detection decoders.
        compiled: Of the taxonomy branch, when there is one.
        injected_queries: (N, Q, C) before layer 1, of detection decoders, which make no
            prediction there.
    """

    predictions: list[QueryPrediction] | list[BoxPrediction] = field(default_factory=list)
    mask_features: Tensor | None = None
    compiled: CompiledTaxonomy | None = None
    injected_queries: Tensor | None = None


def mask_logits(mask_embeds: Tensor, mask_features: Tensor) -> Tensor:
    """Masks of queries: the inner product of their embedding with every pixel's feature.

    Args:
        mask_embeds: (B, Q, C).
        mask_features: (B, T, C, H, W).

    Returns:
        (B, T, Q, H, W) logits.
    """
    flat = mask_features.flatten(3)
    return torch.einsum('bqc,btcp->btqp', mask_embeds, flat).unflatten(3, mask_features.shape[-2:])
