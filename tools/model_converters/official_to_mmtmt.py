"""Convert a checkpoint of official Mask2Former or IDOL, or of mmdet's Mask2Former.

SRC is a detectron2 .pkl or .pth of Mask2Former, image or video, of one of its ImageNet backbones,
of IDOL, or a .pth of mmdet's Mask2Former. DST loads with `load_from`, `tools/test.py` and the demo;
a backbone alone loads with `init_cfg=dict(type='Pretrained', checkpoint=DST)`.

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
from mmtmt.models.converters import (
    LAYOUTS,
    Conversion,
    convert_checkpoint,
    read_checkpoint,
    report_on,
)
from mmtmt.registry import MODELS
from mmtmt.taxonomy import Taxonomy


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Convert a Mask2Former checkpoint of the official code or of mmdet.'
    )
    parser.add_argument('source', metavar='SRC', help='.pkl or .pth to read')
    parser.add_argument('target', metavar='DST', help='.pth to write')
    parser.add_argument(
        '--config',
        help='compare with the model of this config; without it, '
        'with the model that the shapes imply',
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


def model_state(config: str) -> dict[str, Tensor]:
    """State dict of a config's model, with random values."""
    cfg = Config.fromfile(config)
    init_default_scope(cfg.get('default_scope', 'mmtmt'))
    return MODELS.build(cfg.model).state_dict()


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
    # the classifier, and its rows that stand for no category
    classifiers = {'decoder.head.cls_embed.weight': 1, 'bbox_head.cls_branches.0.weight': 0}
    for name, others in classifiers.items():
        rows = conversion.state.get(name)
        if rows is not None and len(rows) != len(taxonomy) + others:
            raise ValueError(
                f'{vocabulary} has {len(taxonomy)} categories, the checkpoint has '
                f'{len(rows) - others}'
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
        state = model_state(args.config) if args.config else None
        report = report_on(conversion, state, args.config or '')
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    save_checkpoint(dict(meta=meta, state_dict=conversion.state), args.target)
    print(report)
    print(f'wrote {args.target}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
