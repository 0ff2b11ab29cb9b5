"""A backbone made ready for prediction alone."""
import torch
from mmcv.cnn import fuse_conv_bn
from mmdet.models.backbones import ResNet
from torch import nn


def fold_norms(model: nn.Module) -> None:
    """Fold the batch norms of a ResNet into its convolutions, in place.

    A batch norm that is not trained is a factor and an offset per channel, which the convolution
    before it can apply for nothing. On CPUs the weights are also put channels last, the layout in
    which 1 x 1 convolutions are fastest there. The model can't be trained, and its weights can't
    be saved or loaded, after this.

    Other backbones stay as they are: folding has to know that a norm directly follows the
    convolution before it, and does nothing else.

    Args:
        model: In evaluation mode, with its weights; changed if its backbone is a ResNet.
    """
    backbone = getattr(model, 'backbone', None)
    if not isinstance(backbone, ResNet):
        return
    fuse_conv_bn(backbone)
    if next(backbone.parameters()).device.type == 'cpu':
        backbone.to(memory_format=torch.channels_last)
    backbone.requires_grad_(False)
