"""Checkpoints of other projects: read them, rename their keys, say what is left over."""

from .architecture import infer_architecture, infer_backbone
from .checkpoint_reader import NumPyUnpickler, find_weights, normalise_weights, read_checkpoint
from .convert import LAYOUTS, convert_checkpoint, detect_layout, report_on
from .idol import convert_idol, convert_to_idol, infer_idol
from .key_table import Conversion, KeyTable, Rename
from .mmdet_layout import MMDET_HEADS, convert_mmdet, convert_to_mmdet
from .official import convert_official, convert_to_official, mask2former_table
from .report import ConversionReport, compare_with, model_state_of

__all__ = [
    'LAYOUTS',
    'MMDET_HEADS',
    'Conversion',
    'ConversionReport',
    'KeyTable',
    'NumPyUnpickler',
    'Rename',
    'compare_with',
    'convert_checkpoint',
    'convert_idol',
    'convert_mmdet',
    'convert_official',
    'convert_to_idol',
    'convert_to_mmdet',
    'convert_to_official',
    'detect_layout',
    'find_weights',
    'infer_architecture',
    'infer_backbone',
    'infer_idol',
    'mask2former_table',
    'model_state_of',
    'normalise_weights',
    'read_checkpoint',
    'report_on',
]
