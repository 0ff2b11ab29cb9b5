"""A small IDOL whose fresh weights detect something."""
import torch

from mmtmt.registry import MODELS
from tests.models.conftest import VOCABULARIES


def toy_idol_config(taxonomy_aware=True, compilation=None, injection=None, compile_per=None,
                    dropout=0.0, **model):
    """Config of a TMT-VIS on IDOL, or of IDOL, that runs in milliseconds."""
    decoder = dict(type='DeformableDecoder', embed_dims=32, num_layers=2, num_heads=4,
                   feedforward_dims=48, dropout=dropout)
    if taxonomy_aware:
        decoder = dict(
            type='InjectionDecoder', decoder=decoder, compile_per=compile_per,
            compilation=dict(type='TaxonomyCompilation', feedforward_dims=48, adapter_dims=32,
                             num_selected=4, num_heads=4, **(compilation or {})),
            injection=dict(type='TaxonomyInjection', feedforward_dims=48, num_heads=4,
                           **(injection or {})))
    config = dict(
        type='IDOL',
        taxonomy=dict(vocabularies=VOCABULARIES),
        text_bank=dict(path='minilm'),
        backbone=dict(type='mmdet.ResNet', depth=18, base_channels=8, num_stages=4,
                      out_indices=(1, 2, 3), norm_cfg=dict(type='BN'), style='pytorch'),
        neck=dict(type='mmdet.ChannelMapper', in_channels=[16, 32, 64], out_channels=32,
                  kernel_size=1, bias=True, norm_cfg=dict(type='GN', num_groups=32), act_cfg=None,
                  num_outs=4),
        encoder=dict(num_layers=1, num_heads=4, feedforward_dims=48, dropout=dropout),
        decoder=decoder,
        num_queries=9,
        criterion=dict(type='DetectionCriterion',
                       taxonomy_loss='final' if taxonomy_aware else 'off'))
    config.update(model)
    return config


def build_idol(seed=0, **kwargs):
    """A seeded toy IDOL in eval mode; its classifiers are sure of something here and there."""
    torch.manual_seed(seed)
    model = MODELS.build(toy_idol_config(**kwargs)).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for branch in model.bbox_head.cls_branches:
            branch.bias.copy_(torch.randn(len(branch.bias), generator=generator) - 1.5)
            branch.weight.copy_(
                0.5 * torch.randn(branch.weight.shape, generator=generator))
        for branch in model.bbox_head.reg_branches:
            branch[-1].weight.copy_(
                0.2 * torch.randn(branch[-1].weight.shape, generator=generator))
    return model
