"""Which modules a converted state dict belongs to, read off its keys and shapes."""

import re

from torch import Tensor

_RESNET_DEPTHS = {
    (False, (2, 2, 2, 2)): 18,
    (False, (3, 4, 6, 3)): 34,
    (True, (3, 4, 6, 3)): 50,
    (True, (3, 4, 23, 3)): 101,
    (True, (3, 8, 36, 3)): 152,
}


def infer_architecture(state: dict[str, Tensor], num_heads: int = 8) -> dict[str, dict]:
    """Configs of the components that a state dict holds.

    Args:
        state: Tensors under this package's names; ``backbone.``, ``pixel_decoder.``,
            ``decoder.`` and ``clip_decoder.`` may each be absent.
        num_heads: Attention heads, which no shape tells.

    Returns:
        Component name to config, for ``MODELS.build``; the components that are there.

    Raises:
        ValueError: The backbone is neither a ResNet nor a Swin, or a tensor is missing that tells
            a component's size.
    """
    parts = {
        'backbone': infer_backbone,
        'pixel_decoder': lambda part: _infer_pixel_decoder(part, num_heads),
        'decoder': lambda part: _infer_decoder(part, num_heads),
        'clip_decoder': lambda part: _infer_clip_decoder(part, num_heads),
    }
    configs = {}
    for name, infer in parts.items():
        prefix = f'{name}.'
        part = {key[len(prefix) :]: v for key, v in state.items() if key.startswith(prefix)}
        try:
            if part:
                configs[name] = infer(part)
        except KeyError as error:
            raise ValueError(f'the {name} of the checkpoint lacks {error}') from error
    return configs


def infer_backbone(state: dict[str, Tensor]) -> dict:
    """Config of mmdet's ResNet or Swin that a backbone's state dict belongs to.

    Batch norms are frozen, statistics and parameters, as in the official models.

    Args:
        state: Tensors by their names within the backbone.

    Returns:
        Config for `MODELS.build`.

    Raises:
        ValueError: The state dict is neither a ResNet's nor a Swin's.
    """
    if 'patch_embed.projection.weight' in state:
        return _infer_swin(state)
    if 'layer1.0.conv1.weight' not in state or 'conv1.weight' not in state:
        raise ValueError(
            f'expected the backbone of a ResNet or a Swin, got the keys {sorted(state)[:3]}, ...'
        )
    blocks = tuple(_count(state, rf'layer{stage}\.(\d+)\.') for stage in range(1, 5))
    bottleneck = 'layer1.0.conv3.weight' in state
    if (bottleneck, blocks) not in _RESNET_DEPTHS:
        raise ValueError(
            f'no ResNet has {blocks} {"bottleneck" if bottleneck else "basic"} '
            'blocks: stages are missing or it is another network'
        )
    return dict(
        type='mmdet.ResNet',
        depth=_RESNET_DEPTHS[bottleneck, blocks],
        style='pytorch',
        stem_channels=state['conv1.weight'].shape[0],
        base_channels=state['layer1.0.conv1.weight'].shape[0],
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        frozen_stages=-1,
    )


def _infer_swin(state: dict[str, Tensor]) -> dict:
    projection = state['patch_embed.projection.weight']
    stages = _count(state, r'stages\.(\d+)\.')
    depths = [_count(state, rf'stages\.{i}\.blocks\.(\d+)\.') for i in range(stages)]
    tables = [
        state[f'stages.{i}.blocks.0.attn.w_msa.relative_position_bias_table'] for i in range(stages)
    ]
    patch = projection.shape[-1]
    return dict(
        type='mmdet.SwinTransformer',
        embed_dims=projection.shape[0],
        patch_size=patch,
        strides=(patch, 2, 2, 2)[:stages],
        depths=depths,
        num_heads=[table.shape[1] for table in tables],
        window_size=(round(tables[0].shape[0] ** 0.5) + 1) // 2,
        mlp_ratio=_exact(
            state['stages.0.blocks.0.ffn.layers.0.0.weight'].shape[0] / projection.shape[0]
        ),
        qkv_bias='stages.0.blocks.0.attn.w_msa.qkv.bias' in state,
        patch_norm='patch_embed.norm.weight' in state,
        out_indices=tuple(i for i in range(stages) if f'norm{i}.weight' in state)
        or tuple(range(stages)),
        drop_path_rate=0.0,
        convert_weights=False,
    )


def _infer_pixel_decoder(state: dict[str, Tensor], num_heads: int) -> dict:
    levels = _count(state, r'input_convs\.(\d+)\.')
    inputs = [state[f'input_convs.{level}.conv.weight'] for level in reversed(range(levels))]
    layer = 'encoder.layers.0'
    samples = state[f'{layer}.self_attn.attention_weights.weight'].shape[0]
    return dict(
        type='MSDeformAttnPixelDecoder',
        in_channels=[
            state['lateral_convs.0.conv.weight'].shape[1],
            *(weight.shape[1] for weight in inputs),
        ],
        feat_channels=inputs[0].shape[0],
        out_channels=state['mask_feature.weight'].shape[0],
        num_encoder_layers=_count(state, r'encoder\.layers\.(\d+)\.'),
        feedforward_dims=state[f'{layer}.ffn.layers.0.0.weight'].shape[0],
        num_heads=num_heads,
        num_points=samples // (num_heads * levels),
    )


def _infer_decoder(state: dict[str, Tensor], num_heads: int) -> dict:
    num_queries, embed_dims = state['query_feat.weight'].shape
    config = dict(
        type='VideoMaskDecoder',
        num_queries=num_queries,
        embed_dims=embed_dims,
        num_classes=state['head.cls_embed.weight'].shape[0] - 1,
        mask_dims=state['head.mask_embed.4.weight'].shape[0],
        num_layers=_count(state, r'layers\.(\d+)\.'),
        feedforward_dims=state['layers.0.ffn.0.weight'].shape[0],
        num_heads=num_heads,
    )
    if 'input_projs.0.weight' in state:
        config['in_channels'] = state['input_projs.0.weight'].shape[1]
    return config


def _infer_clip_decoder(state: dict[str, Tensor], num_heads: int) -> dict:
    """Config of a VITADecoder or GenVISDecoder; no shape tells the windows of its encoder."""
    num_queries, embed_dims = state['query_feat.weight'].shape
    mask_dims, in_channels = state['mask_feature.weight'].shape[:2]
    return dict(
        type='GenVISDecoder' if 'memory_key.weight' in state else 'VITADecoder',
        num_queries=num_queries,
        num_frame_queries=state['token_pos.weight'].shape[0],
        embed_dims=embed_dims,
        in_channels=in_channels,
        mask_dims=mask_dims,
        num_classes=state['head.cls_embed.weight'].shape[0] - 1,
        num_encoder_layers=_count(state, r'encoder\.layers\.(\d+)\.'),
        num_layers=_count(state, r'layers\.(\d+)\.'),
        feedforward_dims=state['layers.0.ffn.0.weight'].shape[0],
        num_heads=num_heads,
    )


def _count(state: dict[str, Tensor], pattern: str) -> int:
    """How many different numbers stand at the place of ``pattern``'s group."""
    matches = (re.match(pattern, key) for key in state)
    return len({match.group(1) for match in matches if match})


def _exact(ratio: float) -> float:
    """Whole ratios as whole numbers: mmdet multiplies them with channels and wants an int."""
    return int(ratio) if ratio == int(ratio) else ratio
