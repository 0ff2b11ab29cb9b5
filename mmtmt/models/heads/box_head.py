"""Class and box predictions of detection decoders."""
import math

import torch
from mmdet.models.layers import inverse_sigmoid
from torch import Tensor, nn

from mmtmt.models.layers import perceptron
from mmtmt.models.outputs import BoxPrediction

PRIOR = 0.01  # probability of every category at the start, as in focal loss's paper


def sigmoid_classifier(embed_dims: int, num_classes: int) -> nn.Linear:
    """A linear classifier that starts by finding every category unlikely.

    Args:
        embed_dims: C.
        num_classes: K.

    Returns:
        The layer, with K outputs and no no-object.
    """
    layer = nn.Linear(embed_dims, num_classes)
    nn.init.constant_(layer.bias, -math.log((1 - PRIOR) / PRIOR))
    return layer


class BoxHead(nn.Module):
    """A classifier and a box perceptron per decoder layer, with mmdet's parameter names.

    Args:
        embed_dims: C.
        num_classes: K; the sigmoid classifier has no column for no-object.
        num_layers: Decoder layers.
    """

    def __init__(self, *, embed_dims: int, num_classes: int, num_layers: int) -> None:
        super().__init__()
        self.cls_branches = nn.ModuleList(
            sigmoid_classifier(embed_dims, num_classes) for _ in range(num_layers))
        self.reg_branches = nn.ModuleList(perceptron(embed_dims, 4) for _ in range(num_layers))
        for branch in self.reg_branches:
            nn.init.zeros_(branch[-1].weight)
            nn.init.zeros_(branch[-1].bias)
        # the first layer starts with boxes of about an eighth of the image
        nn.init.constant_(self.reg_branches[0][-1].bias[2:], -2.0)

    def forward(self, layer: int, queries: Tensor, references: Tensor) -> BoxPrediction:
        """Predict after one layer, boxes in float32 also under autocast: half precision is pixels.

        Args:
            layer: Its index.
            queries: (N, Q, C).
            references: (N, Q, 2) points or (N, Q, 4) boxes that the new boxes start from.

        Returns:
            Classes and boxes.
        """
        branch = self.reg_branches[layer]
        with torch.autocast(queries.device.type, enabled=False):
            offsets = branch(queries.to(branch[0].weight.dtype))
        start = inverse_sigmoid(references)
        if references.shape[-1] == 2:
            start = torch.cat((start, torch.zeros_like(start)), dim=-1)
        return BoxPrediction(
            self.cls_branches[layer](queries), (offsets + start).sigmoid(), references[..., :2],
            queries)
