"""Video instance segmentation measured with NumPy and pycocotools alone."""

from .inputs import read_ground_truth, read_json, read_results
from .matching import Matches, Pairing, match, outside, pair_up
from .overlap import frame_intersections, tube_iou
from .remarks import remarks
from .submission import to_json_results, write_results, write_submission
from .tubes import GroundTruth, Results, Tube, Video
from .validation import Problem, validate_submission
from .video_ap import STATS_NAMES, accumulate, evaluate, match_all, summarize

__all__ = [
    'GroundTruth',
    'Matches',
    'Pairing',
    'Problem',
    'Results',
    'STATS_NAMES',
    'Tube',
    'Video',
    'accumulate',
    'evaluate',
    'frame_intersections',
    'match',
    'match_all',
    'outside',
    'pair_up',
    'read_ground_truth',
    'read_json',
    'read_results',
    'remarks',
    'summarize',
    'to_json_results',
    'tube_iou',
    'validate_submission',
    'write_results',
    'write_submission',
]
