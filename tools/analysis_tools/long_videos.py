"""What cutting long videos costs a model: average precision and identities.

Predicts the videos of the config's test set at once and in chunks, by two passes and by one.
Switches are steps from a frame to the next at which an object goes over from the results that hold
it (IoU of at least 0.5) to others; those into the first frame of a chunk are counted apart, and of
these again those where a result holds the object when the video is predicted at once.

Example:
    python tools/analysis_tools/long_videos.py CONFIG CHECKPOINT --clip-length 8 --overlaps 0 2 4
    python tools/analysis_tools/long_videos.py CONFIG CHECKPOINT --max-memory 1 4 16
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope

from mmtmt.apis import init_model
from mmtmt.engine.launch import read_config
from mmtmt.evaluation import evaluate
from mmtmt.evaluation.analysis.borders import Crossings, count_crossings, held_through
from mmtmt.evaluation.analysis.video_overlap import by_video
from mmtmt.evaluation.functional import read_ground_truth, read_json, read_results
from mmtmt.evaluation.functional.matching import pair_up
from mmtmt.evaluation.functional.tubes import GroundTruth
from mmtmt.models.vis import VISModel
from mmtmt.registry import DATASETS
from mmtmt.taxonomy import load_vocabulary


@dataclass
class Outcome:
    """What a way of predicting gave.

    Attributes:
        results: Per dataset in the YouTube-VIS form.
        borders: Per dataset and video the frames that begin a chunk, but for the first one.
        seconds: It took.
    """

    results: dict[str, list[dict]] = field(default_factory=lambda: defaultdict(list))
    borders: dict[str, dict[Any, list[int]]] = field(default_factory=lambda: defaultdict(dict))
    seconds: float = 0.0


class Quality(NamedTuple):
    """How good the results of a way are.

    Attributes:
        precision: AP, the mean over the datasets.
        half: AP50, the mean over the datasets.
        border: Steps into the frames that begin a chunk.
        held: Those of them at which a result of the videos predicted at once holds the object.
        elsewhere: Steps into all other frames.
        steps: By dataset and video where its results hold objects, see `held_through`.
    """

    precision: float
    half: float
    border: Crossings
    held: Crossings
    elsewhere: Crossings
    steps: dict[tuple[str, Any], np.ndarray]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--clip-length', type=int, default=8, help='frames of a chunk at most')
    parser.add_argument(
        '--overlaps', type=int, nargs='+', help='values of test_cfg.clip_overlap to try'
    )
    parser.add_argument(
        '--max-memory', type=int, nargs='+', default=[], help='of GenVIS, values to try'
    )
    parser.add_argument('--videos', type=int, help='of each dataset, the first ones; default: all')
    parser.add_argument('--data-root', help="folder of the sets; default: the config's data_root")
    parser.add_argument('--out', type=Path, help='also write the table to this file')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={}, help='changes of the config'
    )
    return parser.parse_args(argv)


def moved(value: Any, old: str, new: str) -> Any:
    """A part of a config with its files elsewhere.

    Args:
        value: The part.
        old: What the paths begin with.
        new: What they shall begin with.

    Returns:
        A copy.
    """
    if isinstance(value, str):
        return new + value[len(old):] if value.startswith(old) else value
    if isinstance(value, dict):
        return {name: moved(part, old, new) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(moved(part, old, new) for part in value)
    return value


def videos_of(cfg: Config, limit: int | None) -> list[tuple[Any, Any]]:
    """The test videos.

    Args:
        cfg: The config.
        limit: Videos of each dataset at most.

    Returns:
        Frame sources and samples.
    """
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    parts = getattr(dataset, 'datasets', [dataset])
    entries = [part[index] for part in parts for index in range(min(len(part), limit or len(part)))]
    return [(entry['inputs'], entry['data_samples']) for entry in entries]


def ann_files_of(cfg: Config) -> dict[str, str]:
    """The ground truth of each dataset, as the config's evaluator names it."""
    evaluators = cfg.test_evaluator
    for metric in evaluators if isinstance(evaluators, list) else [evaluators]:
        if 'ann_files' in metric:
            return dict(metric['ann_files'])
    sys.exit('error: expected an evaluator with ann_files in the config')


def truth_of(path: str, video_ids: set) -> GroundTruth:
    """The ground truth of some videos.

    Args:
        path: Of a dataset.
        video_ids: Which ones.

    Returns:
        Theirs alone.
    """
    data = read_json(path)
    return read_ground_truth({
        **data,
        'videos': [video for video in data['videos'] if video['id'] in video_ids],
        'annotations': [
            entry for entry in data['annotations'] if entry['video_id'] in video_ids],
    })


def ways_of(model: VISModel, args: argparse.Namespace) -> Iterator[tuple[str, dict, int | None]]:
    """The ways to predict.

    Args:
        model: To predict with.
        args: The command line.

    Yields:
        Name, changes of `test_cfg`, and `max_memory` where it is changed.
    """
    known = model.TEST_DEFAULTS
    if 'clip_length' not in known:
        sys.exit(f'error: {type(model).__name__} cuts no video')
    yield 'at once', dict(clip_length=10**6), None
    for mode in ('two_pass', 'one_pass'):
        changes = dict(clip_length=args.clip_length, long_video=mode)
        if args.overlaps is None or 'clip_overlap' not in known:
            yield f'{mode}', changes, None
            continue
        for overlap in args.overlaps:
            yield f'{mode}, {overlap} shared', dict(changes, clip_overlap=overlap), None
    for memory in args.max_memory:
        yield f'at once, max_memory={memory}', dict(clip_length=10**6), memory


def predict_all(model: VISModel, videos: list[tuple[Any, Any]], changes: dict) -> Outcome:
    """Predict the videos in one way.

    Args:
        model: To predict with.
        videos: Frame sources and samples.
        changes: Of `test_cfg`.

    Returns:
        Results.
    """
    outcome, before = Outcome(), dict(model.test_cfg)
    model.test_cfg.update(changes)
    begin = time.perf_counter()
    for source, sample in videos:
        meta = sample.metainfo
        dataset, video_id = meta['dataset'], meta['video_id']
        model.predict([source], [sample])
        state = model.init_state(meta, source)
        first, step = state.clip_length, state.clip_length - state.overlap
        outcome.borders[dataset][video_id] = list(range(first, len(source), step))
        ids = load_vocabulary(meta['vocabulary']).ids
        tubes = sample.pred_tubes
        outcome.results[dataset] += [
            dict(video_id=video_id, category_id=ids[label], score=float(score), segmentations=tube)
            for score, label, tube in zip(tubes.scores, tubes.labels.tolist(), tubes.tubes)
        ]
    outcome.seconds = time.perf_counter() - begin
    model.test_cfg = before
    return outcome


def measure(
    outcome: Outcome, truths: dict[str, Any], at_once: Quality | None = None
) -> Quality:
    """How good the results are.

    Args:
        outcome: Of a way to predict.
        truths: Ground truth per dataset.
        at_once: Of the same videos predicted at once; None if these are the results in question.

    Returns:
        The numbers.
    """
    scores, steps = [], {}
    border, held, elsewhere = Crossings(), Crossings(), Crossings()
    for dataset, truth in truths.items():
        results = read_results(outcome.results[dataset], truth)
        found = evaluate(truth, results)
        scores.append((found['AP'], found['AP50']))
        pairings = pair_up(truth, results, class_agnostic=True).values()
        for overlap in by_video(pairings, [-1]):
            key = dataset, overlap.video_id
            borders = outcome.borders[dataset].get(overlap.video_id, ())
            steps[key] = held_through(overlap.frame_iou)
            parts = count_crossings(overlap.frame_iou, borders)
            border, elsewhere = border + parts[0], elsewhere + parts[1]
            # a video without objects has no results at once that would bring it up
            only = steps[key] if at_once is None else at_once.steps.get(key, steps[key])
            held += count_crossings(overlap.frame_iou, borders, only=only)[0]
    precision, half = np.mean(scores, axis=0).tolist()
    return Quality(precision, half, border, held, elsewhere, steps)


def main(argv: list[str] | None = None) -> None:
    """Compares the ways."""
    args = parse_args(argv)
    cfg = read_config(args.config, args.cfg_options)
    if args.data_root:
        for name in ('test_dataloader', 'test_evaluator'):
            cfg[name] = moved(cfg[name], cfg.data_root, args.data_root.rstrip('/') + '/')
    init_default_scope(cfg.get('default_scope', 'mmtmt'))
    model = init_model(cfg, args.checkpoint)
    videos = videos_of(cfg, args.videos)
    chosen = defaultdict(set)
    for _, sample in videos:
        chosen[sample.metainfo['dataset']].add(sample.metainfo['video_id'])
    truths = {name: truth_of(path, chosen[name]) for name, path in ann_files_of(cfg).items()
              if name in chosen}
    head = ['prediction', 'AP', 'AP50', 'switches at cuts', 'of objects held at once',
            'switches elsewhere', 'seconds']
    lines = []

    def add(cells: list[str]) -> None:
        lines.append('| ' + ' | '.join(cells) + ' |')
        print(lines[-1], flush=True)

    add(head)
    add(['---'] * len(head))
    at_once = None
    unbounded = getattr(getattr(model, 'clip_decoder', None), 'max_memory', None)
    for name, changes, memory in ways_of(model, args):
        if memory is not None:
            model.clip_decoder.max_memory = memory
        outcome = predict_all(model, videos, changes)
        if memory is not None:
            model.clip_decoder.max_memory = unbounded
        quality = measure(outcome, truths, at_once)
        at_once = at_once or quality
        add([
            name, f'{quality.precision:.3f}', f'{quality.half:.3f}', str(quality.border),
            str(quality.held), str(quality.elsewhere), f'{outcome.seconds:.0f}'])
    frames = [len(source) for source, _ in videos]
    lines.append(f'\n{len(frames)} videos of {min(frames)} to {max(frames)} frames, '
                 f'clip_length = {args.clip_length}.')
    print(lines[-1])
    if args.out:
        args.out.write_text('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
