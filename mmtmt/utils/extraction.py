"""From a video file to a folder of frames, as datasets have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2

from mmtmt.structures.resize import ResizeRule
from mmtmt.utils.output import Unfinished
from mmtmt.utils.video import open_frame_source

FORMATS = {
    '.jpg': [cv2.IMWRITE_JPEG_QUALITY, 95],
    '.png': [cv2.IMWRITE_PNG_COMPRESSION, 6],
}
"""Endings of frames, and what OpenCV is to be told."""


def extract_frames(
    video: str | Path,
    folder: str | Path,
    *,
    fps: float | None = None,
    short_side: int | None = None,
    suffix: str = '.jpg',
    limit: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write the frames of a video as FOLDER/00000.jpg, FOLDER/00001.jpg, ...

    Frames are decoded one at a time. The folder appears when all of them are there.

    Args:
        video: A video file; a folder of images is renamed and resized.
        folder: The folder.
        fps: Frames per second to keep; None keeps all.
        short_side: Length in pixels that the shorter side is brought to; None keeps the size.
        suffix: ``'.jpg'`` or ``'.png'``.
        limit: Most frames to write.
        overwrite: Whether a folder that is there may be replaced.
        progress: Called with the number of frames that are written, and of all.

    Returns:
        Number of frames.

    Raises:
        ValueError: If an option is out of its range.
        FrameError: If the video can't be read.
        FileExistsError: If the folder is there and not empty, or holds what no extraction made,
            such as annotations beside the frames.
    """
    if suffix not in FORMATS:
        raise ValueError(f'expected frames of {" or ".join(FORMATS)}, got {suffix!r}')
    for name, value in (('fps', fps), ('short_side', short_side), ('limit', limit)):
        if value is not None and not value > 0:
            raise ValueError(f'{name}: expected more than 0, got {value}')
    rule = None if short_side is None else ResizeRule(short_side=short_side, max_size=10**6)
    output = Unfinished(folder, overwrite=overwrite, made=r'\d{5,}\.(jpg|png)')
    source = open_frame_source(video)
    stride = 1.0 if fps is None else max(1.0, getattr(source, 'fps', fps) / fps)
    indices = range(round(-(-len(source) // stride)))[:limit]
    output.temporary.mkdir()
    try:
        for number, step in enumerate(indices):
            index = min(len(source) - 1, round(step * stride))
            (frame,) = source.decode(index, index + 1)
            if rule is not None:
                frame = rule(frame)
            done, data = cv2.imencode(suffix, frame[..., ::-1], FORMATS[suffix])
            if not done:
                raise ValueError(f'{video}: OpenCV could not encode frame {index}')
            (output.temporary / f'{number:05d}{suffix}').write_bytes(data.tobytes())
            if progress is not None:
                progress(number + 1, len(indices))
        output.finish()
    except BaseException:
        output.discard()
        raise
    return len(indices)
