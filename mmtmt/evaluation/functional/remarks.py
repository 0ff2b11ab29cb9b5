"""What was counted, and what a reader of the numbers should know of it: nothing is dropped in
silence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .inputs import HIDDEN_GROUND_TRUTH
from .tubes import MAX_RESULTS, GroundTruth, Results, Tube

MOST_EXAMPLES = 5


@dataclass(frozen=True)
class Repeat:
    """A result with the masks of one that stands before it in the file.

    Attributes:
        index: Position of the result.
        first: Position of the one that it repeats.
        same_score: Whether their scores are the same, too.
    """

    index: int
    first: int
    same_score: bool

    def __str__(self) -> str:
        score = '' if self.same_score else ', with another score'
        return f'result {self.index} repeats result {self.first}{score}'


def find_repeats(results: Results, *, class_agnostic: bool = False) -> list[Repeat]:
    """Finds results with the same pixels in every frame, as two merged files have them.

    Those without any pixels don't count.

    Args:
        results: What to look through.
        class_agnostic: Take all categories as one, so that those of others count.

    Returns:
        In the order of the file.
    """
    repeats = []
    for group in _groups(results, class_agnostic):
        alike: dict[tuple, list[Tube]] = {}
        for tube in group:
            if tube.area:
                # Few have as many pixels and characters without being the same.
                alike.setdefault((tube.area, tube.masks.num_bytes), []).append(tube)
        for some in alike.values():
            if len(some) > 1:
                repeats += _repeats(some)
    return sorted(repeats, key=lambda repeat: repeat.index)


def _repeats(tubes: Iterable[Tube]) -> Iterable[Repeat]:
    first: dict[tuple, Tube] = {}
    for tube in sorted(tubes, key=lambda tube: tube.index):
        before = first.setdefault((tube.masks.blob, tube.masks.ends.tobytes()), tube)
        if before is not tube:
            yield Repeat(tube.index, before.index, tube.score == before.score)


def count_beyond_limit(results: Results, *, class_agnostic: bool = False) -> int:
    """Counts the results that the evaluation doesn't look at.

    Args:
        results: What to count in.
        class_agnostic: Take all categories as one: then the limit holds for all of a video.

    Returns:
        How many there are beyond the best `MAX_RESULTS` of a video and category.
    """
    return sum(max(0, len(group) - MAX_RESULTS) for group in _groups(results, class_agnostic))


def _groups(results: Results, class_agnostic: bool) -> list[list[Tube]]:
    if not class_agnostic:
        return list(results.tubes.values())
    videos: dict[int | str, list[Tube]] = {}
    for (video_id, _), group in results.tubes.items():
        videos.setdefault(video_id, []).extend(group)
    return list(videos.values())


def count(
    truth: GroundTruth, results: Results, *, class_agnostic: bool = False
) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Counts what came in and what of it the numbers leave out.

    Args:
        truth: The ground truth.
        results: The results.
        class_agnostic: Whether all categories were taken as one.

    Returns:
        The counts, and examples of what is behind some of them.
    """
    objects = [tube for group in truth.tubes.values() for tube in group]
    predicted = [tube for group in results.tubes.values() for tube in group]
    repeats = find_repeats(results, class_agnostic=class_agnostic)
    sides = truth.left_out, results.left_out
    counts = {
        'videos': len(truth.videos),
        'videos_without_results': len(truth.videos.keys() - {video for video, _ in results.tubes}),
        'objects': len(objects),
        'crowd_objects': sum(tube.ignore for tube in objects),
        'results': len(predicted),
        'results_beyond_limit': count_beyond_limit(results, class_agnostic=class_agnostic),
        'results_without_pixels': sum(not tube.area for tube in predicted),
        'repeated_results': len(repeats),
        'polygons_left_out': sum(side.counts['polygons'] for side in sides),
        'empty_lists': sum(side.counts['empty_lists'] for side in sides),
    }
    examples = {'repeated_results': [str(repeat) for repeat in repeats[:MOST_EXAMPLES]]}
    for name, kind in (('polygons_left_out', 'polygons'), ('empty_lists', 'empty_lists')):
        examples[name] = [side.first[kind] for side in sides if kind in side.first]
    return counts, {name: list_ for name, list_ in examples.items() if list_}


def remarks(output: Mapping[str, Any]) -> list[str]:
    """What a reader of the numbers should know, in sentences.

    Args:
        output: ``counts`` and ``examples`` of `count`, as those of `evaluate` and of the analysis.

    Returns:
        A line for everything that was left out, or looks like a mistake.
    """
    counts, examples = output['counts'], output.get('examples', {})
    # The analysis has numbers of its own under this name, and the flag among its options.
    agnostic = output.get('options', output).get('class_agnostic')
    group = 'video' if agnostic else 'video and category'
    lines = []
    if not counts['objects']:
        lines.append('there are no objects in the ground truth, so there is nothing to measure')
        if not counts['crowd_objects']:
            lines.append(HIDDEN_GROUND_TRUTH)
    for name, noun, text in (
        ('videos_without_results', 'video', 'without results: the objects count as missed'),
        (
            'results_beyond_limit',
            'result',
            f'beyond the best {MAX_RESULTS} of a {group}: not looked at',
        ),
        ('results_without_pixels', 'result', 'without a pixel in any frame: can match nothing'),
        (
            'repeated_results',
            'result',
            f'with the masks of another one of the {group}: wrong where that one is right',
        ),
        ('polygons_left_out', 'polygon', 'of fewer than three points, or half a one: left out'),
        ('empty_lists', 'empty list', 'as a mask: taken for null'),
        (
            'results_below_min_score',
            'result',
            'of a lower score than tracks and confusions take: left out there',
        ),
    ):
        number = counts.get(name, 0)
        if number:
            some = examples.get(name, [])
            more = ', …' if some and len(some) < number else ''
            where = f' ({", ".join(some)}{more})' if some else ''
            lines.append(f'{number} {noun}{"" if number == 1 else "s"} {text}{where}')
    return lines
