"""Hold a part of a set out, video by video, where the ground truth of the official one is hidden.

Writes train.json and valid.json. Frames of a video, videos of a folder and clips of one source stay
on the same side: of two that look alike, one must not tell how the other is done.

Example:
    python tools/dataset_converters/split_dataset.py data/ovis/annotations_train.json \
        --fraction 0.1 --out data/ovis/held_out
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from terminaltables import AsciiTable

from mmtmt.evaluation.analysis.command_line import escape_output
from mmtmt.structures.atomic import replacing
from mmtmt.structures.json_stream import load_json
from mmtmt.utils.output import check_writable, printable

# Names of the video that a clip was cut from: YouTube's id, in UVO.
SOURCES = ('ytid',)
PARTS = ('train', 'valid')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('json', type=Path, help='annotations in the YouTube-VIS form, or json.gz')
    size = parser.add_mutually_exclusive_group()
    size.add_argument('--fraction', type=float, help='share of the videos to hold out (0.1)')
    size.add_argument('--count', type=int, help='number of videos to hold out')
    parser.add_argument('--seed', type=int, default=0, help='same seed, same split (0)')
    parser.add_argument(
        '--out', type=Path, required=True, help='folder that gets train.json and valid.json'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace files that are there')
    return parser.parse_args(argv)


def split(
    data: Mapping[str, Any], *, fraction: float | None = None, count: int | None = None, seed: int
) -> dict[str, dict[str, Any]]:
    """Parts a set.

    Args:
        data: Its content in the YouTube-VIS form.
        fraction: Share of the videos to hold out, between 0 and 1; a tenth by default.
        count: Number of videos to hold out, in place of it.
        seed: Of the choice.

    Returns:
        Per name of `PARTS` its content: entries in the order of the file, all categories in both,
        whatever else the file holds.

    Raises:
        ValueError: If there is nothing to split, or not in this way.
    """
    videos = _videos(data)
    for index, annotation in enumerate(data['annotations']):
        if not _has_id(annotation, 'video_id') or annotation['video_id'] not in videos:
            raise ValueError(f'annotations[{index}] is of no video of the file')
        if not _has_id(annotation, 'category_id'):
            raise ValueError(f'annotations[{index}] has no category_id')
    count = number_of(len(videos), fraction=fraction, count=count)
    held = _choose(groups_of(list(videos.values())), count, seed)
    parts = {
        name: {key: _part(key, values, side, held) for key, values in data.items()}
        for name, side in zip(PARTS, (False, True), strict=True)
    }
    for name, part in parts.items():
        if not part['annotations']:
            raise ValueError(
                f'{name} would hold {len(part["videos"])} videos without an object: take another '
                'seed, or hold out another number of videos'
            )
    return parts


def number_of(total: int, *, fraction: float | None = None, count: int | None = None) -> int:
    """How many videos are asked for.

    Args:
        total: How many there are.
        fraction: As `split` takes it.
        count: As `split` takes it.

    Returns:
        Their number.

    Raises:
        ValueError: If it would leave one side without any.
    """
    if count is None:
        fraction = 0.1 if fraction is None else fraction
        if not 0 < fraction < 1:
            raise ValueError(f'expected a fraction between 0 and 1, got {fraction}')
        count = min(max(1, round(fraction * total)), total - 1)
    if not 0 < count < total:
        raise ValueError(
            f'expected to hold out at least 1 and not all of {total} videos, got {count}'
        )
    return count


def _has_id(entry: Any, key: str) -> bool:
    value = entry.get(key) if isinstance(entry, Mapping) else None
    return isinstance(value, (int, float, str)) and not isinstance(value, bool)


def _videos(data: Any) -> dict[Any, Mapping]:
    if not isinstance(data, Mapping) or not isinstance(data.get('videos'), list):
        raise ValueError('expected a file of videos in the YouTube-VIS form')
    if not data.get('annotations') or not isinstance(data['annotations'], list):
        raise ValueError(
            'the file has no annotations, so no part of it can be evaluated: take the training set'
        )
    if not data.get('categories') or not isinstance(data['categories'], list):
        raise ValueError('the file has no categories')
    for index, category in enumerate(data['categories']):
        if not _has_id(category, 'id'):
            raise ValueError(f'categories[{index}] has no id')
    videos = {}
    for index, video in enumerate(data['videos']):
        if not _has_id(video, 'id'):
            raise ValueError(f'videos[{index}] has no id')
        if video['id'] in videos:
            raise ValueError(f'videos[{index}]: the id {video["id"]!r} stands twice')
        videos[video['id']] = video
    return videos


def groups_of(videos: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Which videos have to stay together: those with frames in one folder, or of one source.

    Where all frames of all videos lie in one folder, it says nothing.

    Args:
        videos: Entries of a file.

    Returns:
        Lists of ids, in the order of the file.
    """
    folders = {video['id']: _folders(video) for video in videos}
    if len(set().union(*folders.values())) == 1:
        folders = dict.fromkeys(folders, set())
    leader: dict[tuple[str, Any], tuple[str, Any]] = {}

    def lead(node: tuple[str, Any]) -> tuple[str, Any]:
        leader.setdefault(node, node)
        while leader[node] != node:
            # Halving the way keeps later ones short.
            leader[node] = leader[leader[node]]
            node = leader[node]
        return node

    for video in videos:
        marks = [('folder', folder) for folder in sorted(folders[video['id']])]
        marks += [(key, video[key]) for key in SOURCES if isinstance(video.get(key), (int, str))]
        for mark in marks:
            leader[lead(mark)] = lead(('video', video['id']))
    groups: dict[tuple[str, Any], list[Any]] = {}
    for video in videos:
        groups.setdefault(lead(('video', video['id'])), []).append(video['id'])
    return list(groups.values())


def _folders(video: Mapping[str, Any]) -> set[str]:
    names = video.get('file_names')
    if not isinstance(names, list):
        return set()
    return {str(PurePosixPath(name).parent) for name in names if isinstance(name, str)} - {'.'}


def _choose(groups: list[list[Any]], count: int, seed: int) -> set[Any]:
    """Groups of as many videos as were asked for, or a few less where they don't fit."""
    if len(groups) == 1:
        raise ValueError('all videos come from one source, so none can be held out')
    held: set[Any] = set()
    order = random.Random(seed).sample(groups, len(groups))
    for group in order:
        if len(held) + len(group) <= count:
            held.update(group)
    # Where every group is larger than what was asked for, the smallest is the nearest.
    held = held or set(min(order, key=len))
    if len(held) > 2 * count:
        raise ValueError(
            f'asked for {count} videos, but those of one folder or source stay together, and the '
            f'fewest of one are {len(held)}'
        )
    return held


def _part(key: str, values: Any, held_out: bool, held: set[Any]) -> Any:
    """What one part gets of a value of the file: of lists about videos their entries, others
    whole."""
    name = 'id' if key == 'videos' else 'video_id'
    about_videos = isinstance(values, list) and all(
        isinstance(entry, Mapping) and name in entry for entry in values
    )
    if not about_videos:
        return values
    for index, entry in enumerate(values):
        if not _has_id(entry, name):
            raise ValueError(
                f'{key}[{index}]: expected the {name} as a number or text, got {entry[name]!r:.40}'
            )
    return [entry for entry in values if (entry[name] in held) == held_out]


def summary(parts: Mapping[str, Mapping[str, Any]], asked: int) -> str:
    """What the parts hold.

    Args:
        parts: As `split` returns them.
        asked: How many videos were to be held out.

    Returns:
        A table of the objects of each category, and the totals; where there is more to know, notes.
    """
    counts = [Counter(a['category_id'] for a in part['annotations']) for part in parts.values()]
    rows = [
        [printable(str(category.get('name'))), *(str(count[category['id']]) for count in counts)]
        for category in next(iter(parts.values()))['categories']
    ]
    totals = ['objects', *(str(len(part['annotations'])) for part in parts.values())]
    videos = ['videos', *(str(len(part['videos'])) for part in parts.values())]
    table = AsciiTable([['category', *parts], *rows, totals, videos])
    table.justify_columns = {1: 'right', 2: 'right'}
    lines = [table.table]
    held = len(parts['valid']['videos'])
    if held != asked:
        lines.append(
            f'note: asked for {asked} videos, {held} held out, since videos of one folder or '
            'source stay together'
        )
    for name, count, other in zip(parts, counts, counts[::-1], strict=True):
        missing = sum(1 for category in other if not count[category])
        if missing:
            lines.append(f'note: {missing} of the categories above have no objects in {name}')
    return '\n'.join(lines)


def main(argv: list[str] | None = None) -> None:
    """Splits, writes and prints."""
    args = parse_args(argv)
    files = {name: args.out / f'{name}.json' for name in PARTS}
    try:
        for path in files.values():
            if path.exists() and not args.overwrite:
                raise FileExistsError(f'{path} is there already; --overwrite replaces it')
        data = load_json(args.json)
        size = {'fraction': args.fraction, 'count': args.count}
        parts = split(data, **size, seed=args.seed)
        text = summary(parts, number_of(len(data['videos']), **size))
        check_writable(*files.values(), inputs=[args.json])
        for name, path in files.items():
            with replacing(path) as file:
                file.write(json.dumps(parts[name]).encode('ascii'))
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')
    escape_output()
    print(text)
    print(*files.values(), sep='\n')


if __name__ == '__main__':
    main()
