"""Write a checkpoint of this package under the names of the official code or of mmdet.

For models built on Mask2Former, and for IDOL, without taxonomy modules, to compare or to go on
with elsewhere.

Example:
    python tools/model_converters/mmtmt_to_official.py work_dirs/NAME/iter_6000.pth model.pth \
        --layout mmdet-video
"""

import argparse
import sys

from mmtmt.engine.checkpoint import load_checkpoint_file, save_checkpoint
from mmtmt.models.converters import (
    Conversion,
    convert_to_idol,
    convert_to_mmdet,
    convert_to_official,
)

# Per layout the conversion, and the entry of the file that holds the weights.
LAYOUTS = {
    'official': (convert_to_official, 'model'),
    'idol': (convert_to_idol, 'model'),
    'mmdet-video': (lambda state: convert_to_mmdet(state, 'track_head.'), 'state_dict'),
    'mmdet-image': (lambda state: convert_to_mmdet(state, 'panoptic_head.'), 'state_dict'),
}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Write a checkpoint under the names of the official code or of mmdet.'
    )
    parser.add_argument('source', metavar='SRC', help='.pth or .safetensors of this package')
    parser.add_argument('target', metavar='DST', help='.pth to write')
    parser.add_argument('--layout', choices=sorted(LAYOUTS), default='official')
    return parser.parse_args()


def check(conversion: Conversion) -> None:
    """Refuse a model that the other layout has no place for.

    Args:
        conversion: What became of the model.

    Raises:
        ValueError: Entries without a counterpart.
    """
    if conversion.unexpected:
        raise ValueError(
            f'{len(conversion.unexpected)} of its entries have no counterpart there, taxonomy '
            f'modules or another kind of model: {conversion.unexpected[:3]}'
        )


def main() -> int:
    """Convert.

    Returns:
        The exit status.
    """
    args = parse_args()
    convert, entry = LAYOUTS[args.layout]
    try:
        state = load_checkpoint_file(args.source)
        conversion = convert(dict(state.get('state_dict', state)))
        check(conversion)
    except (ValueError, OSError) as error:
        print(f'error: {args.source}: {error}', file=sys.stderr)
        return 1
    save_checkpoint({entry: conversion.state}, args.target)
    print(f'{len(conversion.state)} tensors, {len(conversion.dropped)} dropped')
    print(f'wrote {args.target}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
