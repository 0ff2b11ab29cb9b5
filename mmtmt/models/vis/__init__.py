"""Meta-architectures."""
from .base import EvaluationSpace, VISModel
from .mask2former_vis import Mask2FormerVIS
from .mask_vis import MaskVISModel
from .minvis import MinVIS
from .streaming import StreamingMaskModel

__all__ = [
    'EvaluationSpace', 'Mask2FormerVIS', 'MaskVISModel', 'MinVIS', 'StreamingMaskModel', 'VISModel'
]
