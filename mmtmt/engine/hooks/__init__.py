"""Hooks of the training and test loops."""

from mmtmt.engine.hooks.checkpoint_hook import CheckpointHook
from mmtmt.engine.hooks.nan_guard_hook import NaNGuardHook
from mmtmt.engine.hooks.semantic_warmup_hook import SemanticWarmupHook
from mmtmt.engine.hooks.visualization_hook import VISVisualizationHook

__all__ = ['CheckpointHook', 'NaNGuardHook', 'SemanticWarmupHook', 'VISVisualizationHook']
