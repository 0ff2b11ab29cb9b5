"""Where results go wrong: pictures of the worst videos, truth above and results below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from mmtmt.evaluation.analysis import Study
from mmtmt.evaluation.functional import Tube
from mmtmt.structures.frame_source import ImageFrameSource

from .overlay import TrackPainter, add_banner
from .page import printable
from .report import encode_jpeg, tile_pictures
from .tables import worst_first
from .tracks import Track, tracks_from_prediction

SHEET_FRAMES = 3
FRAME_WIDTH = 480
# Frames are drawn no larger than shown, so that the labels stay legible.
MIN_HEIGHT = 240
MOST_VIDEOS = 6


def worst_video_sheets(
    study: Study,
    videos: Sequence[Mapping],
    file_names: Mapping[int | str, Sequence[str]],
    frames: str | Path,
    *,
    most: int = MOST_VIDEOS,
) -> dict[str, bytes]:
    """Draws the videos of the lowest HOTA.

    Args:
        study: The results beside the ground truth.
        videos: The same of its analysis.
        file_names: Per video id the files of its frames.
        frames: The folder that these are in.
        most: How many videos.

    Returns:
        Per video id, worst first, a JPEG: evenly spread frames, annotations above with the missed
        objects named, results below with their mistakes named.
    """
    return {
        str(video['id']): encode_jpeg(
            _sheet(study, video['id'], [Path(frames, name) for name in file_names[video['id']]]),
            quality=82,
        )
        for video in worst_first(videos)[:most]
    }


def _sheet(study: Study, video_id: int | str, paths: list[Path]) -> np.ndarray:
    video = study.truth.videos[video_id]
    shape = video.height, video.width
    source = ImageFrameSource(paths, ori_shape=shape, name=f'video {video_id}')
    count = min(SHEET_FRAMES, len(source))
    indices = np.linspace(0, len(source) - 1, count).round().astype(int).tolist()
    size = (FRAME_WIDTH, max(1, FRAME_WIDTH * video.height // video.width))
    rows = []
    for title, tracks in (
        ('ground truth', _true_tracks(study, video_id)),
        ('results', _predicted_tracks(study, video_id)),
    ):
        painter = TrackPainter(tracks, shape, min_height=MIN_HEIGHT)
        for i in indices:
            picture = painter.draw(source.decode(i, i + 1)[0], i)
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            rows.append(add_banner(picture, title, f'{i + 1} / {len(source)}'))
    return tile_pictures(rows, count)


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
