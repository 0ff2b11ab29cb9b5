"""Which video comes when."""

from mmtmt.datasets.samplers.ratio_sampler import RatioSampler, start_loader_at

__all__ = ['RatioSampler', 'start_loader_at']
