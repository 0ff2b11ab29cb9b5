"""Losses and the set criterion."""
from .label_space import LabelSpace
from .set_criterion import ClipTarget, EmbeddedPrediction, VideoSetCriterion

__all__ = ['ClipTarget', 'EmbeddedPrediction', 'LabelSpace', 'VideoSetCriterion']
