"""Meta-architectures."""
from .base import VISModel
from .evaluation_space import EvaluationSpace
from .genvis import GenVIS
from .idol import IDOL
from .mask2former_vis import Mask2FormerVIS
from .mask_vis import MaskVISModel
from .minvis import MinVIS
from .streaming import StreamingMaskModel
from .vita import VITA

__all__ = [
    'IDOL', 'VITA', 'EvaluationSpace', 'GenVIS', 'Mask2FormerVIS', 'MaskVISModel', 'MinVIS',
    'StreamingMaskModel', 'VISModel'
]
