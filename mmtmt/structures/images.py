"""Decoding of image files: the one place that decides on a channel order, RGB from here on."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mmtmt.structures.rle import MAX_PIXELS

_EXIF_ORIENTATION = 0x0112
# Markers of a JPEG file that start a frame and tell its size, and those without a length.
_START_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}

# New in OpenCV 4.11.
_JPEG_TO_RGB = getattr(cv2, 'IMREAD_COLOR_RGB', None)


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
        FrameError: If the file is missing, truncated, no image, too large, or of another size.
    """
    data = _read(path)
    if _is_truncated(data):
        raise FrameError(f'{path}: the image file is truncated after {len(data)} bytes')
    # A few bytes can claim a picture that fills the memory, so the header is asked first.
    _check_pixels(path, *_stored_size(path, data))
    try:
        image = _decode(data) if data else None
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
    return image


def _decode(data: bytes) -> np.ndarray | None:
    """Decode to RGB; None for what OpenCV does not know."""
    buffer = np.frombuffer(data, np.uint8)
    # libjpeg writes RGB as readily; turning the channels takes a tenth of the time of decoding.
    if _JPEG_TO_RGB is not None and data.startswith(b'\xff\xd8'):
        return cv2.imdecode(buffer, _JPEG_TO_RGB)
    image = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    return image if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)


def read_size(path: str | Path) -> tuple[int, int]:
    """Height and width of an image file, from its header.

    Args:
        path: The file.

    Returns:
        Height and width in pixels, upright as `read_image` turns the image.

    Raises:
        FrameError: If the file is missing, no image, or too large.
    """
    data = _read(path)
    height, width = _stored_size(path, data)
    _check_pixels(path, height, width)
    try:
        with Image.open(io.BytesIO(data)) as image:
            # Not image.getexif(), which decodes PNG files.
            exif = Image.Exif()
            exif.load(image.info.get('exif', b''))
            turned = exif.get(_EXIF_ORIENTATION, 1) in (5, 6, 7, 8)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FrameError(f'{path}: expected an image, got {error}') from error
    return (width, height) if turned else (height, width)


def _read(path: str | Path) -> bytes:
    """Read a file."""
    try:
        with open(path, 'rb', buffering=0) as file:
            return file.readall()
    except (OSError, ValueError) as error:
        reason = getattr(error, 'strerror', None) or error
        raise FrameError(f'{path}: expected an image file, got {reason}') from error


def _check_pixels(path: str | Path, height: int, width: int) -> None:
    """Refuse images that are larger than any frame may be."""
    if height * width > MAX_PIXELS:
        raise FrameError(
            f'{path}: expected at most {MAX_PIXELS} pixels, got {height} x {width} (height x width)'
        )


def _stored_size(path: str | Path, data: bytes) -> tuple[int, int]:
    """Height and width as the header says."""
    if data.startswith(b'\x89PNG') and len(data) >= 24:
        return int.from_bytes(data[20:24], 'big'), int.from_bytes(data[16:20], 'big')
    if data.startswith(b'\xff\xd8'):
        start = 2
        while start + 9 < len(data) and data[start] == 0xFF:
            marker = data[start + 1]
            if marker in _START_OF_FRAME:
                height, width = data[start + 5 : start + 7], data[start + 7 : start + 9]
                return int.from_bytes(height, 'big'), int.from_bytes(width, 'big')
            if marker == 0xFF:
                start += 1
            elif marker in _WITHOUT_LENGTH:
                start += 2
            else:
                start += 2 + int.from_bytes(data[start + 2 : start + 4], 'big')
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.height, image.width
    except Image.DecompressionBombError as error:
        raise FrameError(f'{path}: expected at most {MAX_PIXELS} pixels, got {error}') from error
    except (OSError, SyntaxError, ValueError) as error:
        raise FrameError(
            f'{path}: expected an image, got {len(data)} bytes that OpenCV cannot decode'
        ) from error


def _is_truncated(data: bytes) -> bool:
    """Whether a JPEG or PNG file lacks its end.

    The markers for the end of an image and the start of a scan never stand inside a scan, so the
    last one tells; a thumbnail that the file embeds comes before the image's own scan.
    """
    if data.startswith(b'\xff\xd8') and not data.endswith(b'\xff\xd9'):
        return data.rfind(b'\xff\xd9') < data.rfind(b'\xff\xda') or b'\xff\xda' not in data
    if data.startswith(b'\x89PNG'):
        return data.rfind(b'IEND') < 0
    return False
