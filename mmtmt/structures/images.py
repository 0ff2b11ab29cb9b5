"""Decoding of image files: the one place that decides on a channel order, RGB from here on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


class FrameError(OSError):
    """A frame is missing, damaged, or of another size than expected."""


def read_image(path: str | Path, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Decode an image file.

    OpenCV fills what a truncated file lacks with grey and goes on; here such a file is an error.

    Args:
        path: The file.
        shape: Expected height and width in pixels; None accepts any.

    Returns:
        (H, W, 3) uint8, RGB, turned upright as the file's EXIF orientation says.

    Raises:
        FrameError: If the file is missing, truncated, no image, or of another size.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise FrameError(f'{path}: expected an image file, got {reason}') from error
    if _is_truncated(data):
        raise FrameError(f'{path}: the image file is truncated after {len(data)} bytes')
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error as error:
        raise FrameError(f'{path}: cannot be decoded: {error}') from error
    if image is None:
        raise FrameError(
            f'{path}: expected an image, got {len(data)} bytes that OpenCV cannot decode'
        )
    if shape is not None and image.shape[:2] != tuple(shape):
        raise FrameError(
            f'{path}: expected a frame of {shape[0]} x {shape[1]} (height x width), '
            f'got {image.shape[0]} x {image.shape[1]}'
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)


def _is_truncated(data: bytes) -> bool:
    """Whether a JPEG or PNG file lacks its end.

    The markers for the end of an image and the start of a scan never stand inside a scan, so the
    last one tells; a thumbnail that the file embeds comes before the image's own scan.
    """
    if data.startswith(b'\xff\xd8'):
        return data.rfind(b'\xff\xd9') < data.rfind(b'\xff\xda') or b'\xff\xda' not in data
    if data.startswith(b'\x89PNG'):
        return data.rfind(b'IEND') < 0
    return False
