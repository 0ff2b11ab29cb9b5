"""Where results go wrong: pictures of the worst videos, truth above and results below."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from mmtmt.datasets.transforms.loading import resolve_frames
from mmtmt.evaluation.analysis import Study
from mmtmt.evaluation.analysis.errors import NEAR
from mmtmt.evaluation.functional import Tube, read_json
from mmtmt.structures.frame_source import ImageFrameSource
from mmtmt.structures.image_sets import image_to_video
from mmtmt.utils.output import printable

from .overlay import TrackPainter, add_banner
from .report import encode_jpeg, fit_size, spread, tile_pictures
from .tables import worst_first
from .tracks import Track, share_numbers, tracks_from_prediction

SHEET_FRAMES = 3
# Largest width and height of a frame, in pixels.
FRAME_SIZE = (480, 960)
# Frames are drawn no larger than shown, so that the labels stay legible.
MIN_HEIGHT = 240
MOST_VIDEOS = 6


def frame_files(gt: str | Path, folder: Path) -> dict[int | str, list[str]]:
    """The files of the frames that a ground truth file names.

    Args:
        gt: The file, in the YouTube-VIS form or in COCO's.
        folder: Where they should be.

    Returns:
        Per video id their names.

    Raises:
        ValueError: If a video names none.
        OSError: If there is no such folder, none of the videos' first frames is in it, or one lies
            outside of it.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f'expected a folder of frames, got {folder}')
    data = read_json(gt)
    if not isinstance(data, dict):
        raise ValueError(f'{gt}: expected an object with videos, got a list')
    videos = data.get('videos') or [image_to_video(image) for image in data.get('images') or ()]
    names = {}
    for video in videos:
        files = video.get('file_names')
        if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
            raise ValueError(
                f'{gt}: video {video.get("id")!r} names no files of its frames (file_names), '
                'so its frames can not be shown'
            )
        if len(files) != video.get('length', len(files)):
            raise ValueError(
                f'{gt}: video {video["id"]!r} has {len(files)} file_names, expected as many as '
                f'its length says, {video["length"]}'
            )
        names[video['id']] = files
    firsts = [files[0] for files in names.values() if files]
    if firsts and not any(map(os.path.isfile, resolve_frames(str(folder), firsts))):
        raise FileNotFoundError(f'{folder} holds no frames of {gt}, such as {firsts[0]}')
    return names


def worst_video_sheets(
    study: Study,
    videos: Sequence[Mapping],
    file_names: Mapping[int | str, Sequence[str]],
    frames: str | Path,
    *,
    most: int = MOST_VIDEOS,
) -> tuple[dict[str, bytes], list[str]]:
    """Draws the videos of the lowest HOTA.

    Args:
        study: The results beside the ground truth.
        videos: The same of its analysis.
        file_names: Per video id the files of its frames.
        frames: The folder that these are in.
        most: How many videos.

    Returns:
        Per video id, worst first, a JPEG: evenly spread frames, annotations above with the missed
        objects named, results below with their mistakes named; and of each video that could not be
        drawn, why not.
    """
    sheets, not_drawn = {}, []
    for video in worst_first(videos)[:most]:
        name = str(video['id'])
        try:
            paths = resolve_frames(str(frames), file_names[video['id']])
            sheets[name] = encode_jpeg(_sheet(study, video['id'], paths), quality=82)
        except (ValueError, OSError) as error:
            not_drawn.append(f'video {printable(name)} could not be drawn: {error}')
    return sheets, not_drawn


def _sheet(study: Study, video_id: int | str, paths: list[str]) -> np.ndarray:
    video = study.truth.videos[video_id]
    shape = video.height, video.width
    source = ImageFrameSource(paths, ori_shape=shape, name=f'video {video_id}')
    indices = spread(len(source), SHEET_FRAMES)
    size = fit_size(video.width, video.height, FRAME_SIZE)
    rows = []
    truth = _true_tracks(study, video_id)
    # A result has the number and colour of the object that it is about.
    results = share_numbers(truth, _predicted_tracks(study, video_id), min_overlap=NEAR)
    for title, tracks in (('ground truth', truth), ('results', results)):
        painter = TrackPainter(tracks, shape, min_height=MIN_HEIGHT)
        for i in indices:
            picture = painter.draw(source.decode(i, i + 1)[0], i)
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            rows.append(add_banner(picture, title, f'{i + 1} / {len(source)}'))
    return tile_pictures(rows, len(indices))


def _true_tracks(study: Study, video_id: int | str) -> list[Track]:
    objects = [item for part in _parts(study, video_id) for item in part.objects]
    errors = study.surveys[video_id].errors
    return [
        Track(
            number,
            printable(study.truth.category_names[item.category_id])
            + (', missed' if missed else ''),
            _frames(item),
        )
        for number, (item, missed) in enumerate(zip(objects, errors.missed, strict=True), start=1)
        if not item.ignore
    ]


def _predicted_tracks(study: Study, video_id: int | str) -> list[Track]:
    """The results worth showing, a mistake beside the name of its category."""
    results = [result for part in _parts(study, video_id) for result in part.results]
    kinds = study.surveys[video_id].errors.kind
    names = [
        printable(study.truth.category_names[result.category_id])
        + ('' if kind in ('right', 'ignored') else ', ' + kind.replace('_', ' '))
        for result, kind in zip(results, kinds, strict=True)
    ]
    return tracks_from_prediction(
        [result.score for result in results],
        list(range(len(results))),
        [_frames(result) for result in results],
        names,
        min_score=study.min_score,
    )


def _parts(study: Study, video_id: int | str) -> list:
    return [pairing for pairing in study.pairings if pairing.video_id == video_id]


def _frames(tube: Tube) -> list[dict | None]:
    return [tube.masks.rle(t) for t in range(len(tube.masks))]
