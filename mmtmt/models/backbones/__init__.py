"""Backbones that mmdet lacks. ResNet and Swin are used as ``mmdet.ResNet`` and
``mmdet.SwinTransformer``.
"""

from .mobilenet_v2 import MobileNetV2
from .timm_features import TimmFeatures

__all__ = ['MobileNetV2', 'TimmFeatures']
