"""Key tables between the official IDOL checkpoints and this package's IDOL.

Deformable DETR keeps the names of mmdet's, so that mmdet's own checkpoints of it need no
conversion.
"""

from torch import Tensor

from .architecture import infer_backbone
from .key_table import Conversion, KeyTable, Rename
from .official import COMPUTED, add_computed_buffers, resnet_table, swin_table

SOURCE = 'detr.detr.'
_BACKBONE = f'{SOURCE}backbone.0.backbone.'
# official name of a norm to its place in mmdet's list: there they are numbered by what is computed
# first
_ENCODER_NORMS = {1: 0, 2: 1}
_DECODER_NORMS = {2: 0, 1: 1, 3: 2}
_MASK_CONVS = {
    'lay3': 'fuse_convs.0',
    'lay4': 'fuse_convs.1',
    'dcn': 'fuse_convs.2',
    'lay1': 'narrow_convs.0',
    'lay2': 'narrow_convs.1',
}


def idol_table() -> KeyTable:
    """Every row of the official IDOL.

    Returns:
        The table.
    """
    rows = [
        Rename(f'{SOURCE}transformer.level_embed', 'level_embed'),
        Rename(f'{SOURCE}query_embed.weight', 'query_embedding.weight'),
        Rename(f'{SOURCE}transformer.reference_points.{{leaf}}', 'reference_points_fc.{leaf}'),
        Rename(f'{SOURCE}class_embed.{{i}}.{{leaf}}', 'bbox_head.cls_branches.{i}.{leaf}'),
    ]
    for number, level in enumerate(('convs.0', 'convs.1', 'convs.2', 'extra_convs.0')):
        rows += [
            Rename(f'{SOURCE}input_proj.{number}.0.{{leaf}}', f'neck.{level}.conv.{{leaf}}'),
            Rename(f'{SOURCE}input_proj.{number}.1.{{leaf}}', f'neck.{level}.gn.{{leaf}}'),
        ]
    rows += _layer_rows('encoder', _ENCODER_NORMS)
    rows += _layer_rows('decoder', _DECODER_NORMS)
    perceptrons = {
        f'{SOURCE}bbox_embed.{{i}}': 'bbox_head.reg_branches.{i}',
        'detr.controller': 'mask_head.controller',
        'detr.reid_embed_head': 'reid_head',
    }
    for old, new in perceptrons.items():
        # the linear layers lie at 0, 2 and 4: the activations between them count too
        rows += [
            Rename(f'{old}.layers.{j}.{{leaf}}', f'{new}.{2 * j}.{{leaf}}') for j in range(3)
        ]
    rows += [
        Rename(f'detr.mask_head.{old}.{{leaf}}', f'mask_branch.{new}.{{leaf}}')
        for old, new in _MASK_CONVS.items()
    ]
    # the official decoder holds the box perceptrons a second time
    drops = [f'{SOURCE}transformer.decoder.bbox_embed.{{rest}}', 'criterion.{rest}']
    backbones = _moved(resnet_table('')) + _moved(swin_table(''))
    return KeyTable(rows, drops) + backbones


def _layer_rows(part: str, norms: dict[int, int]) -> list[Rename]:
    old, new = f'{SOURCE}transformer.{part}.layers.{{i}}', f'{part}.layers.{{i}}'
    attention = 'self_attn' if part == 'encoder' else 'cross_attn'
    rows = [
        Rename(f'{old}.linear1.{{leaf}}', f'{new}.ffn.layers.0.0.{{leaf}}'),
        Rename(f'{old}.linear2.{{leaf}}', f'{new}.ffn.layers.1.{{leaf}}'),
        Rename(f'{old}.{attention}.{{rest}}', f'{new}.{attention}.{{rest}}'),
    ]
    if part == 'decoder':
        rows.append(Rename(f'{old}.self_attn.{{rest}}', f'{new}.self_attn.attn.{{rest}}'))
    return rows + [
        Rename(f'{old}.norm{official}.{{leaf}}', f'{new}.norms.{place}.{{leaf}}')
        for official, place in norms.items()
    ]


def _moved(table: KeyTable) -> KeyTable:
    """A table of a backbone alone, for one within IDOL."""
    return KeyTable(
        [
            Rename(f'{_BACKBONE}{row.source}', f'backbone.{row.target}', row.transform, row.inverse)
            for row in table.renames
        ],
        [f'{_BACKBONE}{template}' for template in table.drops],
    )


def convert_idol(state: dict[str, Tensor]) -> Conversion:
    """Convert an official IDOL state dict.

    Args:
        state: Tensors under the official names, without wrapper prefixes.

    Returns:
        The conversion; its state loads strictly into `IDOL`.
    """
    result = idol_table().convert(state)
    add_computed_buffers(result.state)
    return result


def convert_to_idol(state: dict[str, Tensor]) -> Conversion:
    """Convert this package's IDOL back to the official names.

    Args:
        state: Of a model without taxonomy modules: those have no counterpart and are unexpected.

    Returns:
        The conversion; buffers that the official modules compute are dropped, and the box
        perceptrons come under both of their names.
    """
    dropped = [key for key in state if key.endswith(COMPUTED)]
    result = idol_table().reversed().convert(
        {key: value for key, value in state.items() if key not in dropped}
    )
    result.dropped += dropped
    prefix = f'{SOURCE}bbox_embed.'
    for key in [key for key in result.state if key.startswith(prefix)]:
        second = f'{SOURCE}transformer.decoder.{key.removeprefix(SOURCE)}'
        result.state[second] = result.state[key]
    return result


def infer_idol(state: dict[str, Tensor], num_heads: int = 8) -> dict[str, dict | int]:
    """Arguments of the IDOL that a converted state dict belongs to.

    Args:
        state: Tensors under this package's names.
        num_heads: Attention heads, which no shape tells.

    Returns:
        `backbone`, `neck`, `encoder`, `decoder`, `num_queries` and `mask_channels`.

    Raises:
        ValueError: A tensor is missing that tells a size.
    """
    try:
        return _infer_idol(state, num_heads)
    except KeyError as error:
        raise ValueError(f'the checkpoint of IDOL lacks {error}') from error


def _infer_idol(state: dict[str, Tensor], num_heads: int) -> dict[str, dict | int]:
    prefix = 'backbone.'
    backbone = infer_backbone(
        {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
    )
    backbone['out_indices'] = (1, 2, 3)
    levels, dims = state['level_embed'].shape
    parts = {}
    for part in ('encoder', 'decoder'):
        attention = 'self_attn' if part == 'encoder' else 'cross_attn'
        samples = state[f'{part}.layers.0.{attention}.attention_weights.bias'].shape[0]
        numbers = {key.split('.')[2] for key in state if key.startswith(f'{part}.layers.')}
        parts[part] = dict(
            num_layers=len(numbers),
            num_heads=num_heads,
            num_points=samples // (num_heads * levels),
            feedforward_dims=state[f'{part}.layers.0.ffn.layers.0.0.weight'].shape[0],
        )
    return dict(
        backbone=backbone,
        neck=dict(
            type='mmdet.ChannelMapper',
            in_channels=[state[f'neck.convs.{i}.conv.weight'].shape[1] for i in range(levels - 1)],
            out_channels=dims,
            kernel_size=1,
            bias=True,
            norm_cfg=dict(type='GN', num_groups=32),
            act_cfg=None,
            num_outs=levels,
        ),
        encoder=parts['encoder'],
        decoder=dict(type='DeformableDecoder', embed_dims=dims, **parts['decoder']),
        num_queries=state['query_embedding.weight'].shape[0],
        mask_channels=state['mask_branch.narrow_convs.1.weight'].shape[0],
    )
