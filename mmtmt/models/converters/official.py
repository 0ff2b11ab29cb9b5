"""Key tables from the official detectron2 projects' layout to this package's.

The backbone keeps mmdet's names, since mmdet's ResNet and Swin are used as they are; the pixel
decoder keeps the names of mmdet's ``MSDeformAttnPixelDecoder``; the video decoder has its own.

Another official project is added by a :class:`KeyTable` of its rows:
``convert_official(state, extra=TABLE)``.
"""

import re

import torch
from torch import Tensor

from .key_table import Conversion, KeyTable, Rename

_ATTENTION_LEAVES = ('in_proj_weight', 'in_proj_bias', 'out_proj.weight', 'out_proj.bias')
# VITA's clip module and its convolution. GenVIS keeps these names, the released TMT-VIS doesn't.
_CLIP_MODULES = {'vita_module.': 'vita_mask_features', 'tmt_module.': 'tmt_mask_features'}
_WHOLE_MODEL = ('backbone.', 'sem_seg_head.', *_CLIP_MODULES)


def _swap_patch_neighbours(value: Tensor, source_last: bool) -> Tensor:
    """Re-order the 4C inputs of Swin's patch merging, which are 4 neighbours of C channels.

    The official order of the neighbours is top-left, bottom-left, top-right, bottom-right with the
    channels running fastest; mmdet unfolds row by row with the channels running slowest.

    Args:
        value: (..., 4C).
        source_last: True from the official order to mmdet's, False backwards.

    Returns:
        (..., 4C).
    """
    head, width = value.shape[:-1], value.shape[-1]
    if source_last:
        grouped = value.reshape(*head, 4, width // 4)[..., [0, 2, 1, 3], :]
    else:
        grouped = value.reshape(*head, width // 4, 4)[..., [0, 2, 1, 3]]
    return grouped.transpose(-1, -2).reshape(*head, width)


def _official_merging_to_mmdet(value: Tensor) -> Tensor:
    return _swap_patch_neighbours(value, source_last=True)


def _mmdet_merging_to_official(value: Tensor) -> Tensor:
    return _swap_patch_neighbours(value, source_last=False)


def resnet_table(prefix: str = 'backbone.') -> KeyTable:
    """detectron2's ResNet (basic or bottleneck blocks) to mmdet's.

    Args:
        prefix: What stands before the backbone's keys; '' for an ImageNet file.

    Returns:
        The table.
    """
    p = prefix
    rows = [
        Rename(f'{p}stem.conv1.weight', f'{p}conv1.weight'),
        Rename(f'{p}stem.conv1.norm.{{leaf}}', f'{p}bn1.{{leaf}}'),
    ]
    for stage in range(2, 6):
        old, new = f'{p}res{stage}.{{i}}', f'{p}layer{stage - 1}.{{i}}'
        rows += [
            Rename(f'{old}.conv{{j}}.weight', f'{new}.conv{{j}}.weight'),
            Rename(f'{old}.conv{{j}}.norm.{{leaf}}', f'{new}.bn{{j}}.{{leaf}}'),
            Rename(f'{old}.shortcut.weight', f'{new}.downsample.0.weight'),
            Rename(f'{old}.shortcut.norm.{{leaf}}', f'{new}.downsample.1.{{leaf}}'),
        ]
    return KeyTable(rows, drops=[f'{p}stem.fc.{{leaf}}'])


def swin_table(prefix: str = 'backbone.') -> KeyTable:
    """The official Swin backbone to mmdet's.

    Absolute position embeddings, which no released Mask2Former has, stay unknown: mmdet's can't be
    resized to the image.

    Args:
        prefix: What stands before the backbone's keys; '' for an ImageNet file.

    Returns:
        The table.
    """
    p = prefix
    old, new = f'{p}layers.{{i}}.blocks.{{j}}', f'{p}stages.{{i}}.blocks.{{j}}'
    merging = (_official_merging_to_mmdet, _mmdet_merging_to_official)
    rows = [
        Rename(f'{p}patch_embed.proj.{{leaf}}', f'{p}patch_embed.projection.{{leaf}}'),
        Rename(f'{p}patch_embed.norm.{{leaf}}', f'{p}patch_embed.norm.{{leaf}}'),
        Rename(f'{old}.norm{{k}}.{{leaf}}', f'{new}.norm{{k}}.{{leaf}}'),
        Rename(f'{old}.attn.qkv.{{leaf}}', f'{new}.attn.w_msa.qkv.{{leaf}}'),
        Rename(f'{old}.attn.proj.{{leaf}}', f'{new}.attn.w_msa.proj.{{leaf}}'),
        Rename(
            f'{old}.attn.relative_position_bias_table',
            f'{new}.attn.w_msa.relative_position_bias_table',
        ),
        Rename(f'{old}.mlp.fc1.{{leaf}}', f'{new}.ffn.layers.0.0.{{leaf}}'),
        Rename(f'{old}.mlp.fc2.{{leaf}}', f'{new}.ffn.layers.1.{{leaf}}'),
        Rename(
            f'{p}layers.{{i}}.downsample.reduction.weight',
            f'{p}stages.{{i}}.downsample.reduction.weight',
            *merging,
        ),
        Rename(
            f'{p}layers.{{i}}.downsample.norm.{{leaf}}',
            f'{p}stages.{{i}}.downsample.norm.{{leaf}}',
            *merging,
        ),
        Rename(f'{p}norm{{i}}.{{leaf}}', f'{p}norm{{i}}.{{leaf}}'),
    ]
    # Index tables and shift masks are computed by the modules; `norm` and `head` belong to the
    # ImageNet classifier.
    drops = [
        f'{old}.attn.relative_position_index',
        f'{old}.attn_mask',
        f'{p}norm.{{leaf}}',
        f'{p}head.{{leaf}}',
    ]
    return KeyTable(rows, drops)


def pixel_decoder_table(
    source: str = 'sem_seg_head.pixel_decoder.', target: str = 'pixel_decoder.'
) -> KeyTable:
    """The official multi-scale deformable pixel decoder to mmdet's names."""
    old = f'{source}transformer.encoder.layers.{{i}}'
    new = f'{target}encoder.layers.{{i}}'
    rows = [
        Rename(f'{source}input_proj.{{l}}.0.{{leaf}}', f'{target}input_convs.{{l}}.conv.{{leaf}}'),
        Rename(f'{source}input_proj.{{l}}.1.{{leaf}}', f'{target}input_convs.{{l}}.gn.{{leaf}}'),
        Rename(f'{source}transformer.level_embed', f'{target}level_encoding.weight'),
        Rename(f'{old}.self_attn.{{rest}}', f'{new}.self_attn.{{rest}}'),
        Rename(f'{old}.norm1.{{leaf}}', f'{new}.norms.0.{{leaf}}'),
        Rename(f'{old}.norm2.{{leaf}}', f'{new}.norms.1.{{leaf}}'),
        Rename(f'{old}.linear1.{{leaf}}', f'{new}.ffn.layers.0.0.{{leaf}}'),
        Rename(f'{old}.linear2.{{leaf}}', f'{new}.ffn.layers.1.{{leaf}}'),
        Rename(f'{source}mask_features.{{leaf}}', f'{target}mask_feature.{{leaf}}'),
    ]
    for name, conv in (('adapter_1', 'lateral_convs.0'), ('layer_1', 'output_convs.0')):
        rows += [
            Rename(f'{source}{name}.norm.{{leaf}}', f'{target}{conv}.gn.{{leaf}}'),
            Rename(f'{source}{name}.{{leaf}}', f'{target}{conv}.conv.{{leaf}}'),
        ]
    return KeyTable(rows)


def decoder_table(source: str = 'sem_seg_head.predictor.', target: str = 'decoder.') -> KeyTable:
    """The official masked-attention decoder, of images or videos, to this package's names."""
    rows = [
        Rename(f'{source}query_feat.weight', f'{target}query_feat.weight'),
        Rename(f'{source}query_embed.weight', f'{target}query_embed.weight'),
        Rename(f'{source}level_embed.weight', f'{target}level_embed.weight'),
        Rename(f'{source}input_proj.{{l}}.{{leaf}}', f'{target}input_projs.{{l}}.{{leaf}}'),
        Rename(f'{source}decoder_norm.{{leaf}}', f'{target}post_norm.{{leaf}}'),
        Rename(f'{source}class_embed.{{leaf}}', f'{target}head.cls_embed.{{leaf}}'),
    ]
    new = f'{target}layers.{{i}}'
    blocks = (
        ('cross_attention', 'multihead_attn', 'cross_attn', 0),
        ('self_attention', 'self_attn', 'self_attn', 1),
    )
    for old_name, old_attn, new_attn, norm in blocks:
        old = f'{source}transformer_{old_name}_layers.{{i}}'
        rows += [
            Rename(f'{old}.{old_attn}.{leaf}', f'{new}.{new_attn}.{leaf}')
            for leaf in _ATTENTION_LEAVES
        ]
        rows.append(Rename(f'{old}.norm.{{leaf}}', f'{new}.norms.{norm}.{{leaf}}'))
    old = f'{source}transformer_ffn_layers.{{i}}'
    rows += [
        Rename(f'{old}.linear1.{{leaf}}', f'{new}.ffn.0.{{leaf}}'),
        Rename(f'{old}.linear2.{{leaf}}', f'{new}.ffn.2.{{leaf}}'),
        Rename(f'{old}.norm.{{leaf}}', f'{new}.norms.2.{{leaf}}'),
    ]
    # The perceptron's linear layers lie at 0, 2 and 4: the activations between them count too.
    rows += [
        Rename(
            f'{source}mask_embed.layers.{j}.{{leaf}}', f'{target}head.mask_embed.{2 * j}.{{leaf}}'
        )
        for j in range(3)
    ]
    return KeyTable(rows)


def mask2former_table() -> KeyTable:
    """Every row of the official image and video Mask2Former."""
    buffers = KeyTable([], drops=['criterion.empty_weight', 'pixel_mean', 'pixel_std'])
    return resnet_table() + swin_table() + pixel_decoder_table() + decoder_table() + buffers


def clip_decoder_table(target: str = 'clip_decoder.') -> KeyTable:
    """What the official VITA and GenVIS have besides Mask2Former, to this package's names.

    The released TMT-VIS code has a taxonomy branch of other layers than the paper's and this
    package's: three linear layers instead of two, one attention, no score. It is left behind.

    Args:
        target: What the clip decoder's keys begin with.

    Returns:
        The table.
    """
    layer = f'{target}encoder.layers.{{i}}'
    names = {
        'input_proj_dec': 'input_proj',
        'fq_pos': 'token_pos',
        'sim_embed_frame': 'frame_similarity',
        'sim_embed_clip': 'clip_similarity',
        'pre_memory_embed_k': 'memory_key',
        'pre_memory_embed_v': 'memory_value',
        'pre_query_embed_k': 'query_key',
        'pre_query_embed_v': 'query_value',
    }
    drops = [f'{name}_criterion.empty_weight' for name in ('vita', 'genvis', 'tmt')]
    drops += [
        f'sem_seg_head.predictor.{name}.{{rest}}'
        for name in ('text_embed', 'multi_attn', 'multi_attn_1')
    ]
    table = KeyTable([], drops)
    for source, mask_features in _CLIP_MODULES.items():
        encoder = (
            *((f'enc_self_attn.{{i}}.self_attn.{x}', f'self_attn.{x}') for x in _ATTENTION_LEAVES),
            ('enc_self_attn.{i}.norm.{leaf}', 'norms.0.{leaf}'),
            ('enc_ffn.{i}.norm.{leaf}', 'norms.1.{leaf}'),
            ('enc_ffn.{i}.linear1.{leaf}', 'ffn.0.{leaf}'),
            ('enc_ffn.{i}.linear2.{leaf}', 'ffn.2.{leaf}'),
        )
        rows = [Rename(f'{source}{old}', f'{layer}.{new}') for old, new in encoder]
        rows += [
            Rename(f'{source}{old}.{{leaf}}', f'{target}{new}.{{leaf}}')
            for old, new in (*names.items(), (mask_features, 'mask_feature'))
        ]
        table += KeyTable(rows) + decoder_table(source, target)
    return table


def normalise_official_keys(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Bring the historic variants of the official layout to one form.

    Checkpoints of image models call the content queries ``static_query``; very old ones lack the
    ``pixel_decoder.`` infix.
    """
    result = {}
    for key, value in state.items():
        key = key.replace(
            'sem_seg_head.predictor.static_query.', 'sem_seg_head.predictor.query_feat.'
        )
        key = re.sub(
            r'^sem_seg_head\.(?!pixel_decoder\.|predictor\.)', 'sem_seg_head.pixel_decoder.', key
        )
        if key in result:
            raise ValueError(f'two keys of the checkpoint mean {key!r}')
        result[key] = value
    return result


def relative_position_index(window: int) -> Tensor:
    """Row of the bias table for every pair of positions of a square window.

    Args:
        window: Side of the window.

    Returns:
        (window * window, window * window) int64.
    """
    y, x = torch.meshgrid(torch.arange(window), torch.arange(window), indexing='ij')
    position = torch.stack([y.flatten(), x.flatten()])
    offset = position[:, :, None] - position[:, None, :] + window - 1
    return offset[0] * (2 * window - 1) + offset[1]


def add_computed_buffers(state: dict[str, Tensor]) -> list[str]:
    """Add what the modules hold besides the official file, so that it loads strictly.

    These are Swin's index tables and the batch counters of batch norm.

    Args:
        state: Tensors under mmdet's names; extended in place.

    Returns:
        The keys that were added.
    """
    added = {}
    for key, value in state.items():
        if key.endswith('.relative_position_bias_table'):
            name = key.replace('_bias_table', '_index')
            added[name] = relative_position_index((round(value.shape[0] ** 0.5) + 1) // 2)
        elif key.endswith('.running_var'):
            name = key.replace('.running_var', '.num_batches_tracked')
            added[name] = torch.zeros((), dtype=torch.int64)
    added = {key: value for key, value in added.items() if key not in state}
    state.update(added)
    return list(added)


def convert_official(state: dict[str, Tensor], extra: KeyTable | None = None) -> Conversion:
    """Convert a state dict of official Mask2Former, MinVIS, VITA or GenVIS, or of a backbone.

    A file without the prefix of any part of a model is an ImageNet backbone; its converted keys
    have no prefix either, as ``init_cfg=dict(type='Pretrained', ...)`` of a backbone wants.

    Args:
        state: Tensors under the official names, without wrapper prefixes.
        extra: Rows of a project built on Mask2Former, looked up first.

    Returns:
        The conversion; its state loads strictly into the modules named by the table.
    """
    state = normalise_official_keys(state)
    if any(key.startswith(_WHOLE_MODEL) for key in state):
        table = mask2former_table() + clip_decoder_table()
    else:
        table = resnet_table('') + swin_table('')
    result = (extra + table if extra is not None else table).convert(state)
    add_computed_buffers(result.state)
    return result


# What a module computes and the official file doesn't need.
COMPUTED = ('.relative_position_index', '.num_batches_tracked')


def convert_to_official(state: dict[str, Tensor], extra: KeyTable | None = None) -> Conversion:
    """Convert this package's state dict back to the official names.

    Args:
        state: Of a model without taxonomy modules: those have no counterpart and are unexpected.
        extra: As for `convert_official`.

    Returns:
        The conversion; buffers that the official modules compute are dropped.
    """
    table = mask2former_table() + clip_decoder_table()
    table = (extra + table if extra is not None else table).reversed()
    dropped = [key for key in state if key.endswith(COMPUTED)]
    result = table.convert({key: state[key] for key in state if key not in dropped})
    result.dropped += dropped
    return result
