"""What a set criterion reads of one stage of a decoder."""
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmtmt.models.layers import token_linear
from mmtmt.models.losses.point_sampling import sample_shared_points


class StagePrediction:
    """One stage's prediction as the criterion reads it."""

    class_logits: Tensor  # (B, Q, K + 1)

    def masks(self, clip: int, queries: Tensor | None = None) -> Tensor:
        """Mask logits (T, n, H, W) of some queries, or all, of one clip of the batch."""
        raise NotImplementedError

    def masks_at(self, clip: int, points: Tensor) -> Tensor:
        """Mask logits (T * P, Q) of all queries at points (P, 2) of every frame of a clip."""
        return sample_shared_points(self.masks(clip), points)


@dataclass
class EmbeddedPrediction(StagePrediction):
    """Masks kept as embeddings, so that only those asked for are ever made.

    Attributes:
        class_logits: (B, Q, K + 1).
        mask_embeds: (B, Q, C).
        mask_features: Per clip (T, C, H, W), best with channels last; shared by all stages.
    """

    class_logits: Tensor
    mask_embeds: Tensor
    mask_features: Sequence[Tensor]

    def masks(self, clip: int, queries: Tensor | None = None) -> Tensor:
        """See StagePrediction."""
        embeds = self.mask_embeds[clip] if queries is None else self.mask_embeds[clip][queries]
        features = self.mask_features[clip]
        # queries last in memory, as the matcher reads all of them at the same points
        masks = token_linear(features.flatten(2).transpose(1, 2), embeds)
        return masks.transpose(1, 2).unflatten(2, features.shape[-2:])

    def masks_at(self, clip: int, points: Tensor) -> Tensor:
        """See StagePrediction."""
        features = self.mask_features[clip]
        if features.shape[-2:].numel() < len(points):
            return super().masks_at(clip, points)
        # reading the features and multiplying them there takes less than masks of all pixels
        read = sample_shared_points(features, points)
        return (read @ self.mask_embeds[clip].float().t()).float()


def joint_masks(stages: Sequence[StagePrediction], clip: int,
                queries: Sequence[Tensor]) -> Tensor:
    """Masks of some queries of each stage.

    Args:
        stages: S stages.
        clip: Of which clip of the batch.
        queries: Per stage, (n,) indices.

    Returns:
        (S * n, T, H, W), stage after stage.
    """
    if isinstance(stages[0], EmbeddedPrediction):
        # one product for all, so that the gradients of the features are summed in it
        embeds = torch.cat([stage.mask_embeds[clip][chosen]
                            for stage, chosen in zip(stages, queries)])
        return torch.einsum('qc,tchw->qthw', embeds, stages[0].mask_features[clip])
    return torch.cat([stage.masks(clip, chosen).transpose(0, 1)
                      for stage, chosen in zip(stages, queries)])
