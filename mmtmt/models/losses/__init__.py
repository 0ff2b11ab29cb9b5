"""Losses and the set criterion."""
from .detection_criterion import DetectionCriterion
from .label_space import LabelSpace
from .set_criterion import Assignment, VideoSetCriterion
from .stage_prediction import EmbeddedPrediction
from .targets import ClipTarget
from .vita_criterion import GenVISCriterion, SimilarityInputs, TrackedTarget, VITACriterion

__all__ = [
    'Assignment', 'ClipTarget', 'DetectionCriterion', 'EmbeddedPrediction', 'GenVISCriterion',
    'LabelSpace', 'SimilarityInputs', 'TrackedTarget', 'VITACriterion', 'VideoSetCriterion'
]
