"""Key tables between mmdet's Mask2Former checkpoints and this package's layout."""

from torch import Tensor

from .key_table import Conversion, KeyTable, Rename

MMDET_HEADS = ('track_head.', 'panoptic_head.')


def mmdet_table(head: str) -> KeyTable:
    """mmdet's ``Mask2Former`` and ``Mask2FormerVideo`` to this package's names.

    Args:
        head: 'track_head.' (video) or 'panoptic_head.' (images).

    Returns:
        The table.
    """
    old, new = f'{head}transformer_decoder.layers.{{i}}', 'decoder.layers.{i}'
    return KeyTable(
        [
            Rename('backbone.{rest}', 'backbone.{rest}'),
            Rename(f'{head}pixel_decoder.{{rest}}', 'pixel_decoder.{rest}'),
            Rename(f'{head}query_feat.weight', 'decoder.query_feat.weight'),
            Rename(f'{head}query_embed.weight', 'decoder.query_embed.weight'),
            Rename(f'{head}level_embed.weight', 'decoder.level_embed.weight'),
            Rename(f'{head}decoder_input_projs.{{l}}.{{leaf}}', 'decoder.input_projs.{l}.{leaf}'),
            Rename(f'{old}.cross_attn.attn.{{rest}}', f'{new}.cross_attn.{{rest}}'),
            Rename(f'{old}.self_attn.attn.{{rest}}', f'{new}.self_attn.{{rest}}'),
            Rename(f'{old}.ffn.layers.0.0.{{leaf}}', f'{new}.ffn.0.{{leaf}}'),
            Rename(f'{old}.ffn.layers.1.{{leaf}}', f'{new}.ffn.2.{{leaf}}'),
            Rename(f'{old}.norms.{{k}}.{{leaf}}', f'{new}.norms.{{k}}.{{leaf}}'),
            Rename(f'{head}transformer_decoder.post_norm.{{leaf}}', 'decoder.post_norm.{leaf}'),
            Rename(f'{head}cls_embed.{{leaf}}', 'decoder.head.cls_embed.{leaf}'),
            Rename(f'{head}mask_embed.{{k}}.{{leaf}}', 'decoder.head.mask_embed.{k}.{leaf}'),
        ],
        drops=['data_preprocessor.{rest}'],
    )


def _modernise(key: str) -> str:
    """Names of mmdet 2.x's transformer layers to those of 3.x.

    There the layers held a list of attentions in the order of use: one in the pixel decoder's
    encoder, the cross and then the self attention in the decoder.
    """
    if '.encoder.layers.' in key:
        key = key.replace('.attentions.0.', '.self_attn.')
    key = key.replace('.attentions.0.', '.cross_attn.').replace('.attentions.1.', '.self_attn.')
    return key.replace('.ffns.0.', '.ffn.')


def convert_mmdet(state: dict[str, Tensor]) -> Conversion:
    """Convert the state dict of mmdet's image or video Mask2Former.

    Args:
        state: Tensors by name.

    Returns:
        The conversion.

    Raises:
        ValueError: The state dict has no head of mmdet's.
    """
    for head in MMDET_HEADS:
        if any(key.startswith(head) for key in state):
            return mmdet_table(head).convert({_modernise(k): v for k, v in state.items()})
    raise ValueError(
        f"expected keys that start with one of {MMDET_HEADS}, as mmdet's Mask2Former "
        f'has them; got {sorted(state)[:3]}, ...'
    )


def convert_to_mmdet(state: dict[str, Tensor], head: str = 'track_head.') -> Conversion:
    """Convert this package's plain Mask2Former-VIS back to mmdet's names.

    Args:
        state: This package's state dict.
        head: 'track_head.' for ``mmdet.Mask2FormerVideo``, 'panoptic_head.' for images.

    Returns:
        The conversion.
    """
    return mmdet_table(head).reversed().convert(state)
