"""Losses and the set criterion."""
from .label_space import LabelSpace
from .set_criterion import Assignment, ClipTarget, EmbeddedPrediction, VideoSetCriterion
from .vita_criterion import GenVISCriterion, SimilarityInputs, TrackedTarget, VITACriterion

__all__ = [
    'Assignment', 'ClipTarget', 'EmbeddedPrediction', 'GenVISCriterion', 'LabelSpace',
    'SimilarityInputs', 'TrackedTarget', 'VITACriterion', 'VideoSetCriterion'
]
