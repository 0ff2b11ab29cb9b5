"""Training and testing: runner, loops, hooks, checkpoints."""

from mmtmt.registry import HOOKS  # noqa: F401, I001 - comes first: it makes mmdet importable
from mmtmt.engine.checkpoint import (
    CheckpointError,
    find_latest_checkpoint,
    load_checkpoint_file,
    save_checkpoint,
    trusted_checkpoints,
)
from mmtmt.engine.config_check import ConfigError, check_config, check_overrides
from mmtmt.engine.hooks import CheckpointHook, NaNGuardHook, VISVisualizationHook
from mmtmt.engine.loops import IterBasedTrainLoop
from mmtmt.engine.runner import VISRunner
from mmtmt.engine.weights import LoadReport, load_into

__all__ = [
    'CheckpointError',
    'CheckpointHook',
    'ConfigError',
    'IterBasedTrainLoop',
    'LoadReport',
    'NaNGuardHook',
    'VISRunner',
    'VISVisualizationHook',
    'check_config',
    'check_overrides',
    'find_latest_checkpoint',
    'load_checkpoint_file',
    'load_into',
    'save_checkpoint',
    'trusted_checkpoints',
]
