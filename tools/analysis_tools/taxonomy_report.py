"""Tells what a taxonomy merges, what its datasets hold, and which test videos were trained on.

Example:
    python tools/analysis_tools/taxonomy_report.py configs/tmt_vis/CONFIG.py --out report
    python tools/analysis_tools/taxonomy_report.py ytvis19 uvo ovis --aliases strict
    python tools/analysis_tools/taxonomy_report.py ytvis19 data/zoo/train.json \
        --ann ytvis19:train=data/ytvis_2019/train.json zoo:valid=data/zoo/val.json --out report
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mmtmt.datasets.statistics import find_leaks, read_statistics
from mmtmt.engine import launch
from mmtmt.taxonomy import Taxonomy
from mmtmt.taxonomy.report import TaxonomyReport
from mmtmt.visualization.page import html_page
from mmtmt.visualization.tables import Table
from mmtmt.visualization.taxonomy_tables import (
    leak_table,
    overlap_table,
    statistics_table,
    union_table,
)

ANNOTATIONS = re.compile(r'(?:(?P<name>[\w.-]+):(?P<split>train|valid|val)=)?(?P<file>.+)')


class AnnotationFile(NamedTuple):
    """A file to count.

    Attributes:
        name: Name of its set.
        split: ``'train'``, ``'valid'``, or empty where nobody says.
        file: Its path.
    """

    name: str
    split: str
    file: str

    @property
    def title(self) -> str:
        """What the report calls it."""
        return f'{self.name} {self.split}'.strip()


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'sources',
        nargs='+',
        metavar='SOURCE',
        help='one config, or the vocabularies of the union in their order: label spaces or json '
        'files with categories',
    )
    parser.add_argument(
        '--aliases',
        help='strict, default, vehical_as_car, released, released_ovis, class_agnostic, or a json '
        "file; default: the config's, else default",
    )
    parser.add_argument(
        '--ann',
        nargs='+',
        default=[],
        metavar='[NAME:SPLIT=]FILE',
        help='annotation files to count; those with SPLIT train or valid (val) are searched for '
        'videos in both. Those of a config are taken by themselves',
    )
    parser.add_argument('--out', type=Path, metavar='DIR', help='write report.txt, .json and .html')
    return parser.parse_args()


def read_config(path: str) -> tuple[dict[str, Any], list[AnnotationFile]]:
    """Takes taxonomy and annotation files from a config.

    Args:
        path: The config.

    Returns:
        Arguments of the taxonomy, and the files.

    Raises:
        ValueError: If the config has no taxonomy.
    """
    cfg = launch.read_config(path, {})
    taxonomy = cfg.get('model', {}).get('taxonomy')
    if not taxonomy or 'vocabularies' not in taxonomy:
        raise ValueError(f'{path}: expected model.taxonomy.vocabularies')
    files = [
        AnnotationFile(*file)
        for split, loaders in (('train', ['train']), ('valid', ['val', 'test']))
        for loader in loaders
        for file in _files_of(cfg.get(f'{loader}_dataloader') or {}, split)
    ]
    return dict(taxonomy), list(dict.fromkeys(files))


def _parse_file(text: str) -> AnnotationFile:
    """Read an annotation file as it is written on the command line."""
    match = ANNOTATIONS.fullmatch(text)
    split = 'valid' if match['split'] == 'val' else match['split'] or ''
    return AnnotationFile(match['name'] or match['file'], split, match['file'])


def _files_of(loader: dict, split: str) -> Iterator[tuple[str, str, str]]:
    dataset = loader.get('dataset') or {}
    for part in dataset.get('datasets', [dataset]):
        if 'ann_file' in part:
            file = os.path.join(part.get('data_root') or '', part['ann_file'])
            yield part.get('name') or _vocabulary_of(part), split, file


def _vocabulary_of(dataset: dict) -> str:
    """The name that a dataset's class gives it."""
    if 'year' in dataset:
        return f'ytvis{dataset["year"] % 100}'
    vocabulary = dataset.get('vocabulary')
    if isinstance(vocabulary, dict):
        return vocabulary['name']
    kind = dataset['type'].split('.')[-1].removesuffix('Dataset').removesuffix('PseudoVideo')
    return vocabulary or kind.lower()


def main() -> None:
    """Reads, prints and writes."""
    args = parse_args()
    try:
        report(args)
    except (ValueError, TypeError, OSError) as error:
        sys.exit(f'error: {error}')


def report(args: argparse.Namespace) -> None:
    """Makes the report.

    Args:
        args: The command line.
    """
    options, files = gather(args)
    taxonomy = Taxonomy(**options).report()
    absent = [file for file in files if not Path(file.file).is_file()]
    statistics = [(file, read_statistics(file.file)) for file in files if file not in absent]
    leaks = find_leaks(*(
        [(file.name, found) for file, found in statistics if file.split == split]
        for split in ('train', 'valid')
    ))  # fmt: skip

    tables = [overlap_table(taxonomy)]
    if statistics:
        tables.append(statistics_table([(file.title, s) for file, s in statistics]))
        tables.append(leak_table(leaks))
    missing = [f'not there: {file.title}, {file.file}' for file in absent]
    text = '\n\n'.join([str(taxonomy), *(table.terminal() for table in tables), *missing])
    print(text)
    if args.out is not None:
        data = {
            'taxonomy': taxonomy.to_dict(),
            'datasets': [
                {'set': file.name, 'split': file.split, **found.to_dict()}
                for file, found in statistics
            ],
            'leaks': [vars(leak) for leak in leaks],
            'not_there': [file.file for file in absent],
        }
        write(args.out, taxonomy, text, data, tables)


def gather(args: argparse.Namespace) -> tuple[dict[str, Any], list[AnnotationFile]]:
    """Takes together what config and command line say.

    Args:
        args: The command line.

    Returns:
        Arguments of the taxonomy, and the annotation files.

    Raises:
        ValueError: If there is more than a config.
        FileNotFoundError: If a file of the command line is missing.
    """
    options, files = {'vocabularies': args.sources}, []
    if args.sources[0].endswith('.py') or '::' in args.sources[0]:
        if len(args.sources) > 1:
            raise ValueError(f'expected one config alone, got {args.sources}')
        options, files = read_config(args.sources[0])
    if args.aliases:
        options['aliases'] = args.aliases
    given = [_parse_file(text) for text in args.ann]
    for file in given:
        if not Path(file.file).is_file():
            raise FileNotFoundError(f'--ann: there is no file {file.file}')
    return options, files + given


def write(
    folder: Path, taxonomy: TaxonomyReport, text: str, data: dict[str, Any], tables: list[Table]
) -> None:
    """Writes the files of the report.

    Args:
        folder: Where.
        taxonomy: Of the union.
        text: What was printed.
        data: For json.
        tables: For the page; that of all rows of the union is added.
    """
    folder.mkdir(parents=True, exist_ok=True)
    union = union_table(taxonomy)
    (folder / 'report.txt').write_text(f'{text}\n\n{union.terminal()}\n', encoding='utf-8')
    (folder / 'report.json').write_text(json.dumps(data, indent=1), encoding='utf-8')
    note = f'{taxonomy.rows} rows over {", ".join(taxonomy.sizes)}; {taxonomy.aliases}'
    page = html_page('Taxonomy', note, [table.html() for table in (*tables, union)])
    (folder / 'report.html').write_text(page, encoding='utf-8')
    print(f'\n{folder}/report.txt, report.json and report.html')


if __name__ == '__main__':
    main()
