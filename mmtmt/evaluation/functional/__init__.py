"""Video instance segmentation measured with NumPy and pycocotools alone."""

from .inputs import GroundTruth, read_ground_truth, read_json, read_results
from .submission import to_json_results, write_results, write_submission
from .video_ap import STATS_NAMES, evaluate

__all__ = [
    'STATS_NAMES',
    'GroundTruth',
    'evaluate',
    'read_ground_truth',
    'read_json',
    'read_results',
    'to_json_results',
    'write_results',
    'write_submission',
]
