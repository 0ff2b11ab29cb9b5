"""Converts annotations of other tools and sets to the json form of YouTube-VIS, and back.

Example:
    python tools/dataset_converters/convert.py labelme frames --frames frames --out zoo.json
    python tools/dataset_converters/convert.py cvat annotations.xml --frames frames --out zoo.json
    python tools/dataset_converters/convert.py davis Annotations/480p --frames JPEGImages/480p \
        --videos ImageSets/2017/train.txt --out davis.json
    python tools/dataset_converters/convert.py ytvis zoo.json --to coco-video --out zoo_mmdet.json
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from mmtmt.datasets.conversion import ANNOTATION_READERS, ANNOTATION_WRITERS, convert
from mmtmt.taxonomy import load_vocabulary
from mmtmt.utils.progress import ProgressLine

_SOURCES = {
    'ytvis': 'a json file of the YouTube-VIS family',
    'coco-video': "a json file of mmdet's video datasets",
    'davis': 'a folder VIDEO/*.png of label images with a palette (DAVIS, YouTube-VOS)',
    'mots-png': 'a folder VIDEO/*.png of 16-bit label images (MOTS)',
    'mots-txt': 'a folder of VIDEO.txt (MOTS)',
    'labelme': 'a folder VIDEO/*.json of LabelMe files',
    'cvat': 'an XML file "CVAT for video 1.1", or a folder of them',
}
_WITHOUT_FRAMES = {'ytvis', 'coco-video'}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line.

    Args:
        argv: The arguments; by default those of the process.

    Returns:
        The arguments, with `reader` and `writer` as options of the two.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    formats = parser.add_subparsers(dest='source_format', metavar='FORMAT', required=True)
    for name, text in _SOURCES.items():
        sub = formats.add_parser(name, help=text, description=f'Converts {text}.')
        _add_source(sub, name, text)
        _add_output(sub)
    args = parser.parse_args(argv)
    options = {
        name: getattr(args, name)
        for name in ('source', 'frames', 'videos', 'category', 'void', 'classes')
        if getattr(args, name, None) is not None
    }
    args.reader = options
    args.writer = {'out': args.out, 'overwrite': args.overwrite}
    if args.overlap:
        if args.to in _WITHOUT_FRAMES:
            parser.error(f'--overlap: objects may overlap in {args.to}')
        args.writer['overlap'] = args.overlap
    return args


def _add_source(parser: argparse.ArgumentParser, name: str, text: str) -> None:
    """Adds what a format is read from."""
    parser.add_argument('source', type=Path, help=text)
    if name not in _WITHOUT_FRAMES:
        parser.add_argument(
            '--frames', type=Path, required=True, help='folder of the frames, VIDEO/*.jpg'
        )
    if name != 'coco-video':
        parser.add_argument(
            '--videos', nargs='+', help='names of the videos to take, or a text file of them'
        )
    if name == 'davis':
        parser.add_argument('--category', help='name of all objects when no meta.json tells')
        parser.add_argument('--void', type=int, help='value of pixels to be ignored (255)')
    if name.startswith('mots'):
        parser.add_argument('--classes', nargs='+', help='names of the classes 1, 2, ...')


def _add_output(parser: argparse.ArgumentParser) -> None:
    """Adds what is written, and how."""
    parser.add_argument('--out', type=Path, required=True, help='json file or folder to write')
    parser.add_argument(
        '--to',
        default='ytvis',
        choices=sorted(ANNOTATION_WRITERS.module_dict),
        help='format to write (ytvis)',
    )
    parser.add_argument(
        '--vocabulary',
        help='label space, or json file with categories, whose ids to use; other names are '
        "refused. Default: the source's own, else names as they come up",
    )
    parser.add_argument(
        '--overlap',
        choices=('refuse', 'first', 'last'),
        help='label images: which object gets a pixel that several claim (refuse)',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace what is there')


def run(args: argparse.Namespace) -> str:
    """Converts.

    Args:
        args: What `parse_args` returns.

    Returns:
        What was done, in a few lines.
    """
    options: dict[str, Any] = dict(args.reader)
    sources = [path for path in (args.source, getattr(args, 'frames', None)) if path]
    if args.overwrite and args.out.exists():
        if any(path.exists() and path.samefile(args.out) for path in sources):
            raise FileExistsError(f'{args.out} is an input, which would be lost')
    videos = options.get('videos', ())
    if len(videos) == 1 and Path(videos[0]).is_file():
        lines = Path(videos[0]).read_text(encoding='utf-8').splitlines()
        options['videos'] = [line.strip() for line in lines if line.strip()]
    reader = ANNOTATION_READERS.get(args.source_format)(**options)
    vocabulary = load_vocabulary(args.vocabulary) if args.vocabulary else reader.vocabulary
    writer = ANNOTATION_WRITERS.get(args.to)(
        vocabulary=vocabulary, annotated=reader.annotated, **args.writer
    )
    return f'{convert(reader, writer, ProgressLine("converting videos"))}\n{args.out}'


def main() -> None:
    """Converts and reports; a mistake in the source ends it with one line."""
    args = parse_args()
    try:
        print(run(args))
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
