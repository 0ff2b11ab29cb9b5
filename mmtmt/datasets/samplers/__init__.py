"""Which video comes when."""

from mmtmt.datasets.samplers.ratio_sampler import (
    RatioSampler,
    can_start_at,
    innermost_sampler,
    start_loader_at,
)

__all__ = ['RatioSampler', 'can_start_at', 'innermost_sampler', 'start_loader_at']
