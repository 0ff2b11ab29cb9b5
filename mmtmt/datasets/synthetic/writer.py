"""Writes generated sets: JPEG frames and json files in the format of YouTube-VIS."""

import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from mmtmt.structures.atomic import replacing
from mmtmt.taxonomy.loading import load_vocabulary

from .plan import SPLITS, SyntheticOptions, VideoPlan, plan_split
from .scene import SceneObject, draw_video
from .world import annotated_names

FORMAT = 1
"""Raised when the same options would give other bytes than before."""
MIN_VISIBLE = 12
"""An object of which fewer pixels are seen in a frame is absent from it."""
_FRAME_STEP = 5
# Forked workers need not import anything again; elsewhere than on Linux that isn't safe.
_START_METHOD = 'fork' if sys.platform == 'linux' else 'spawn'
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]

Progress = Callable[[int, int], None]


def generate(
    out: str | Path,
    options: SyntheticOptions,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Writes the sets below a folder.

    ``<out>/<set>/{train,valid}.json`` and ``<out>/<set>/JPEGImages/<video>/<frame>.jpg``. The
    bytes depend on the options alone, not on the number of workers. A json file is written after
    all of its frames and under its name only when it is complete.

    Args:
        out: The folder, made when needed.
        options: What to generate.
        workers: Number of processes; by default as many as there are usable cores.
        progress: Called with the number of finished videos and of all videos.

    Returns:
        The json files.

    Raises:
        FileExistsError: If a json file of their names is of another origin.
    """
    out = Path(out)
    _read_generated(out, options)  # refuses those of others
    plans = {
        (name, split): plan_split(options, name, split) for name in options.sets for split in SPLITS
    }
    jobs = [(out, plan) for split_plans in plans.values() for plan in split_plans]
    records: dict[tuple[str, str], list[list[dict[str, Any]]]] = {key: [] for key in plans}
    for name, split in plans:
        # From here on the frames of an earlier run are overwritten.
        annotation_file(out, name, split).unlink(missing_ok=True)
    with _mapper(workers, len(jobs)) as run:
        for done, ((_, plan), annotations) in enumerate(zip(jobs, run(_write_video, jobs)), 1):
            records[plan.set_name, plan.split].append(annotations)
            if progress is not None:
                progress(done, len(jobs))
    files = []
    for (name, split), split_plans in plans.items():
        path = annotation_file(out, name, split)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_json(path, _document(options, name, split, split_plans, records[name, split]))
        files.append(path)
    return files


def annotation_file(out: str | Path, set_name: str, split: str) -> Path:
    """Path of a split's json file."""
    return Path(out) / set_name / f'{split}.json'


def is_generated(out: str | Path, options: SyntheticOptions) -> bool:
    """Whether a folder holds complete sets of exactly these options.

    Args:
        out: The folder.
        options: What would be generated.

    Returns:
        True when generating would change nothing, as far as the json files and the presence of
        the frames tell.

    Raises:
        FileExistsError: If a json file of their names is of another origin.
    """
    for path, document in _read_generated(out, options).items():
        if document is None or document['info']['generator'] != _generator_record(options):
            return False
        frames = [file for video in document['videos'] for file in video['file_names']]
        if not all((path.parent / 'JPEGImages' / file).is_file() for file in frames):
            return False
    return True


def _read_generated(out: str | Path, options: SyntheticOptions) -> dict[Path, Any]:
    """The content of all json files, None where one is missing or was cut short; files of another
    origin are refused."""
    documents = {}
    for path in (annotation_file(out, name, split) for name in options.sets for split in SPLITS):
        try:
            document = json.loads(path.read_text(encoding='utf-8'))
        except (FileNotFoundError, ValueError):
            document = None
        info = document.get('info') if isinstance(document, dict) else None
        if document is not None and not (isinstance(info, dict) and info.get('generator')):
            raise FileExistsError(
                f'{path} was not generated and would be overwritten: move it elsewhere'
            )
        documents[path] = document
    return documents


def _generator_record(options: SyntheticOptions) -> dict[str, Any]:
    record = asdict(options)
    # Which other sets were asked for changes nothing in this one.
    del record['sets']
    return {'format': FORMAT, **record}


@contextmanager
def _mapper(workers: int | None, jobs: int) -> Iterator[Callable[..., Any]]:
    if workers is None:
        workers = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else 1
    workers = min(workers, jobs)
    threads = cv2.getNumThreads()
    # The pictures are too small for threads to pay; processes share the cores.
    cv2.setNumThreads(1)
    try:
        if workers < 2:
            yield map
        else:
            with multiprocessing.get_context(_START_METHOD).Pool(workers) as pool:
                yield lambda function, items: pool.imap(function, items, chunksize=2)
    finally:
        cv2.setNumThreads(threads)


def _write_video(job: tuple[Path, VideoPlan]) -> list[dict[str, Any]]:
    """Draws a video, writes its frames, returns its annotations without ids."""
    out, plan = job
    frames, objects = draw_video(plan)
    folder = out / plan.set_name / 'JPEGImages' / plan.name
    folder.mkdir(parents=True, exist_ok=True)
    for frame, name in zip(frames, _file_names(plan)):
        done, data = cv2.imencode('.jpg', frame[..., ::-1], _JPEG)
        if not done:
            raise RuntimeError(f'OpenCV could not encode {folder / name}')
        (folder.parent / name).write_bytes(data.tobytes())
    names = annotated_names(plan.set_name)
    vocabulary = load_vocabulary(plan.set_name)
    ids = dict(zip(vocabulary.names, vocabulary.ids))
    annotations = []
    for item in objects:
        name = names[item.kind]
        if name is not None:
            annotation = _annotation(item, ids[name], plan.style.occlusion_labels)
            if any(annotation['segmentations']):
                annotations.append(annotation)
    return annotations


def _file_names(plan: VideoPlan) -> list[str]:
    return [f'{plan.name}/{_FRAME_STEP * t:05d}.jpg' for t in range(plan.length)]


def _annotation(item: SceneObject, category_id: int, occlusion_labels: bool) -> dict[str, Any]:
    segmentations, boxes, areas, occlusion = [], [], [], []
    for visible, amodal in zip(item.visible, item.amodal):
        area = int(visible.sum())
        if area < MIN_VISIBLE:
            segmentations.append(None)
            boxes.append(None)
            areas.append(None)
            occlusion.append(None)
            continue
        rle = coco_mask.encode(np.asfortranarray(visible, dtype=np.uint8))
        segmentations.append({'size': list(rle['size']), 'counts': rle['counts'].decode('ascii')})
        boxes.append(_box(visible))
        areas.append(area)
        occlusion.append(_occlusion_label(area / int(amodal.sum())))
    height, width = item.visible.shape[1:]
    annotation = {
        'category_id': category_id,
        'iscrowd': 0,
        'width': width,
        'height': height,
        'length': 1,
        'segmentations': segmentations,
        'bboxes': boxes,
        'areas': areas,
    }
    if occlusion_labels:
        annotation['occlusion'] = occlusion
    return annotation


def _box(mask: np.ndarray) -> list[float]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return [float(left), float(top), float(columns[-1] + 1 - left), float(rows[-1] + 1 - top)]


def _occlusion_label(seen: float) -> str:
    if seen > 0.95:
        return 'no_occlusion'
    return 'slight_occlusion' if seen > 0.5 else 'severe_occlusion'


def _document(
    options: SyntheticOptions,
    set_name: str,
    split: str,
    plans: list[VideoPlan],
    records: list[list[dict[str, Any]]],
) -> dict[str, Any]:
    vocabulary = load_vocabulary(set_name)
    videos, annotations = [], []
    for video_id, (plan, found) in enumerate(zip(plans, records), 1):
        videos.append(
            {
                'id': video_id,
                'width': options.width,
                'height': options.height,
                'length': plan.length,
                'file_names': _file_names(plan),
                'license': 1,
                'date_captured': '',
                'coco_url': '',
                'flickr_url': '',
            }
        )
        for annotation in found:
            ids = {'id': len(annotations) + 1, 'video_id': video_id}
            annotations.append({**ids, **annotation})
    return {
        'info': {
            'description': f'{set_name} {split}: generated videos',
            'version': str(FORMAT),
            'generator': _generator_record(options),
        },
        'licenses': [],
        'videos': videos,
        'categories': [
            {'id': category_id, 'name': name, 'supercategory': 'object'}
            for category_id, name in zip(vocabulary.ids, vocabulary.names)
        ],
        'annotations': annotations,
    }


def _write_json(path: Path, document: dict[str, Any]) -> None:
    with replacing(path) as file:
        file.write(json.dumps(document, separators=(',', ':')).encode('utf-8'))
