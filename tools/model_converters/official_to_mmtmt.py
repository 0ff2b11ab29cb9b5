"""Convert a checkpoint of an official Mask2Former, MinVIS, VITA, GenVIS or IDOL, or of mmdet.

SRC is a detectron2 .pkl or .pth of Mask2Former, image or video, of MinVIS, VITA, GenVIS or IDOL, of
one of their ImageNet backbones, or a .pth of mmdet's Mask2Former. DST loads with `load_from`,
`tools/test.py` and the demo; a backbone alone loads with
`init_cfg=dict(type='Pretrained', checkpoint=DST)`.

Example:
    python tools/model_converters/official_to_mmtmt.py model_final_34112b.pkl m2f_vis_r50.pth \
        --vocabulary ytvis19 --config configs/mask2former_vis/CONFIG.py
"""

import argparse
import sys
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from mmtmt.engine.checkpoint import save_checkpoint
from mmtmt.engine.launch import read_config
from mmtmt.engine.weights import implied_models
from mmtmt.models.converters import (
    LAYOUTS,
    Conversion,
    convert_checkpoint,
    read_checkpoint,
    report_on,
)
from mmtmt.registry import MODELS
from mmtmt.taxonomy import Taxonomy

MODEL_TYPES = ('Mask2FormerVIS', 'MinVIS', 'VITA', 'GenVIS', 'IDOL')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Convert a checkpoint of Mask2Former, MinVIS, VITA, GenVIS or IDOL of the '
        'official code, or of Mask2Former of mmdet.'
    )
    parser.add_argument('source', metavar='SRC', help='.pkl or .pth to read')
    parser.add_argument('target', metavar='DST', help='.pth to write')
    parser.add_argument(
        '--config',
        help='compare with the model of this config; without it, '
        'with the model that the shapes imply',
    )
    parser.add_argument(
        '--model',
        choices=MODEL_TYPES,
        help='what was trained, for later messages and checks. Found out unless given; Mask2Former '
        'and MinVIS have the same names, and only --config or this tells them apart',
    )
    parser.add_argument(
        '--vocabulary',
        help='label space of the class rows, such as ytvis19 or '
        'coco: loading then moves each row to its category',
    )
    parser.add_argument('--layout', choices=LAYOUTS, help='found out unless given')
    parser.add_argument(
        '--entry', help='entry of the checkpoint with the weights (default: model, then state_dict)'
    )
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read a file that holds more than arrays; it may run any code',
    )
    return parser.parse_args()


def read_model(config: str) -> Config:
    """A config's model."""
    cfg = read_config(config, {})
    init_default_scope(cfg.get('default_scope', 'mmtmt'))
    return cfg.model


def model_type(state: dict[str, Tensor], named: str | None, configured: str | None) -> str | None:
    """The model that weights were trained as.

    Args:
        state: The converted weights.
        named: By the user.
        configured: Of the config to compare with.

    Returns:
        Its type; None where names leave it open and nobody says it.

    Raises:
        ValueError: The weights are another model's than the user names.
    """
    implied = implied_models(state)
    if named is not None and named not in implied:
        raise ValueError(f'--model {named}: by their names, the weights are of '
                         f'{" or ".join(implied) or "a backbone"}')
    if len(implied) == 1:
        return implied[0]
    return named or (configured if configured in implied else None)


def taxonomy_meta(conversion: Conversion, vocabulary: str) -> dict:
    """What tells the loader which category each class row stands for.

    Args:
        conversion: The converted tensors.
        vocabulary: Name of the label space.

    Returns:
        Plain data for the `meta` of the checkpoint.

    Raises:
        ValueError: The checkpoint has another number of categories than the vocabulary.
    """
    taxonomy = Taxonomy([vocabulary])
    # the classifiers, and their rows that stand for no category
    classifiers = {
        'decoder.head.cls_embed.weight': 1,
        'clip_decoder.head.cls_embed.weight': 1,
        'bbox_head.cls_branches.0.weight': 0,
    }
    for name, others in classifiers.items():
        rows = conversion.state.get(name)
        if rows is not None and len(rows) != len(taxonomy) + others:
            raise ValueError(
                f'{vocabulary} has {len(taxonomy)} categories, the checkpoint has '
                f'{len(rows) - others} ({name})'
            )
    return taxonomy.state_dict()


def main() -> int:
    """Convert.

    Returns:
        The exit status.
    """
    args = parse_args()
    try:
        checkpoint = read_checkpoint(args.source, trust=args.trust_checkpoint)
        conversion = convert_checkpoint(checkpoint, args.entry, args.layout)
        meta = dict(converted_from=Path(args.source).name)
        if args.vocabulary:
            meta['taxonomy'] = taxonomy_meta(conversion, args.vocabulary)
        config = read_model(args.config) if args.config else None
        trained = model_type(conversion.state, args.model, config and config.type)
        if trained is not None:
            meta['model'] = trained
        state = None if config is None else MODELS.build(config).state_dict()
        report = report_on(conversion, state, args.config or '')
        save_checkpoint(dict(meta=meta, state_dict=conversion.state), args.target)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(report)
    print(f'wrote {args.target}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
