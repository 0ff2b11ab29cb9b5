"""Which video comes when."""

from mmtmt.datasets.samplers.ratio_sampler import (
    RatioSampler,
    batch_size_of,
    can_start_at,
    innermost_sampler,
    start_loader_at,
)

__all__ = [
    'RatioSampler',
    'batch_size_of',
    'can_start_at',
    'innermost_sampler',
    'start_loader_at',
]
