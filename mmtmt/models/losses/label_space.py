"""Classification when the samples of a batch are annotated in different vocabularies.

A category outside a sample's vocabulary may be visible without being annotated. The three modes
treat its logit differently:

* `union`: plain cross-entropy over all categories (what the paper describes);
* `masked`: logits outside the sample's vocabulary are left out;
* `marginal`: an unmatched query may be no-object or any category outside the vocabulary, and a
  matched query is not pushed away from categories that are compatible with its label.
"""
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LABEL_SPACE_LOSSES = ('union', 'masked', 'marginal')


@dataclass
class LabelSpace:
    """Which categories each sample of a batch is annotated with.

    Attributes:
        vocabulary: (B, K) bool, categories in the sample's vocabulary.
        compatible: (B, K, K) bool, per sample the pairs that may name the same
            object; needed by `marginal` alone.
        sizes: (B,) int64 on the CPU, how many categories of each vocabulary a taxonomy may be
            compiled from, where that is known there.
    """

    vocabulary: Tensor
    compatible: Tensor | None = None
    sizes: Tensor | None = None

    def for_frames(self, frames: int) -> 'LabelSpace':
        """The same for each of T frames: every field B * T long."""
        return self._each(lambda field: field.repeat_interleave(frames, dim=0))

    def repeated(self, times: int) -> 'LabelSpace':
        """The whole batch several times over, one after another."""
        return self._each(lambda field: torch.cat([field] * times))

    def _each(self, function: Callable[[Tensor], Tensor]) -> 'LabelSpace':
        fields = self.vocabulary, self.compatible, self.sizes
        return LabelSpace(*(field if field is None else function(field) for field in fields))


def restrict_logits(logits: Tensor, vocabulary: Tensor) -> Tensor:
    """Put the categories outside a vocabulary out of reach of a softmax; never no-object.

    Args:
        logits: (B, Q, K + 1), no-object last.
        vocabulary: (B, K) bool.

    Returns:
        (B, Q, K + 1).
    """
    outside = F.pad(~vocabulary, (0, 1), value=False)
    return logits.masked_fill(outside[:, None], torch.finfo(logits.dtype).min)


def matching_probabilities(logits: Tensor, space: LabelSpace, mode: str) -> Tensor:
    """Class probabilities as the matching cost sees them.

    Args:
        logits: (B, Q, K + 1).
        space: Vocabularies of the samples.
        mode: One of LABEL_SPACE_LOSSES.

    Returns:
        (B, Q, K + 1).
    """
    logits = logits.float()
    if mode == 'masked':
        logits = restrict_logits(logits, space.vocabulary)
    return logits.softmax(-1)


def classification_loss(logits: Tensor, labels: Tensor, no_object_weight: float,
                        space: LabelSpace, mode: str) -> Tensor:
    """Weighted mean cross-entropy of all queries.

    Args:
        logits: (B, Q, K + 1), no-object last.
        labels: (B, Q) int64 in [0, K]; K is no-object.
        no_object_weight: Weight of the queries whose label is no-object.
        space: Vocabularies of the samples.
        mode: One of LABEL_SPACE_LOSSES.

    Returns:
        Scalar.
    """
    logits = logits.float()
    if mode == 'marginal':
        return _marginal_loss(logits, labels, no_object_weight, space)
    if mode == 'masked':
        logits = restrict_logits(logits, space.vocabulary)
    weight = logits.new_ones(logits.shape[-1])
    weight[-1] = no_object_weight
    return F.cross_entropy(logits.transpose(1, 2), labels, weight)


def _marginal_loss(logits: Tensor, labels: Tensor, no_object_weight: float,
                   space: LabelSpace) -> Tensor:
    num_classes = logits.shape[-1] - 1
    matched = labels < num_classes
    lowest = torch.finfo(logits.dtype).min
    # matched: the denominator leaves out what is compatible with the label, but not the label
    known = labels.clamp(max=num_classes - 1)
    sample = torch.arange(len(known), device=known.device)[:, None]
    rivals = space.compatible[sample, known] & ~F.one_hot(known, num_classes).bool()
    denominator = logits.masked_fill(F.pad(rivals, (0, 1), value=False), lowest).logsumexp(-1)
    positive = denominator - logits.gather(2, known[..., None]).squeeze(2)
    # unmatched: no-object and everything that this sample does not annotate are equally right
    inside = F.pad(space.vocabulary, (0, 1), value=False)[:, None]
    negative = logits.logsumexp(-1) - logits.masked_fill(inside, lowest).logsumexp(-1)
    weight = torch.where(matched, 1.0, no_object_weight)
    return (weight * torch.where(matched, positive, negative)).sum() / weight.sum()
