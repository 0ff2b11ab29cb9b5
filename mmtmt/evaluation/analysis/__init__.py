"""What lies behind the numbers: categories, groups, tracks, mistakes, chance. NumPy and pycocotools
alone."""

from .analyze import MIN_SCORE, REPLICATES, analyze, describe
from .compare import compare
from .errors import ERROR_KINDS
from .sample import SAMPLED_NAMES
from .study import Study, study_results
from .tracking import TRACKING_NAMES

__all__ = [
    'ERROR_KINDS',
    'MIN_SCORE',
    'REPLICATES',
    'SAMPLED_NAMES',
    'Study',
    'TRACKING_NAMES',
    'analyze',
    'compare',
    'describe',
    'study_results',
]
