"""Meta-architectures."""
from .base import EvaluationSpace, VISModel
from .mask2former_vis import Mask2FormerVIS

__all__ = ['EvaluationSpace', 'Mask2FormerVIS', 'VISModel']
