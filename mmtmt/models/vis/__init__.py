"""Meta-architectures."""
from .base import EvaluationSpace, VISModel
from .idol import IDOL
from .mask2former_vis import Mask2FormerVIS
from .mask_vis import MaskVISModel
from .minvis import MinVIS
from .streaming import StreamingMaskModel

__all__ = [
    'EvaluationSpace', 'IDOL', 'Mask2FormerVIS', 'MaskVISModel', 'MinVIS', 'StreamingMaskModel',
    'VISModel'
]
