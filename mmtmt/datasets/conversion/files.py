"""Frames and label images of video sets on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from mmtmt.datasets.transforms.loading import resolve_frame
from mmtmt.structures.rle import MAX_PIXELS
from mmtmt.utils.video import IMAGE_SUFFIXES, natural_key, visible_files

from .video import ConversionError


def list_files(folder: Path, suffixes: Iterable[str], root: Path | None = None) -> list[Path]:
    """Files of a folder, in the natural order of their names.

    Args:
        folder: The folder.
        suffixes: Endings in lower case, with the dot.
        root: Folder that no file may lead out of through a link; by default the folder itself.

    Returns:
        The files; names that start with a dot are left out.

    Raises:
        ConversionError: If there is no such folder.
        FrameError: If a file is a link that leads out of the root.
    """
    if not folder.is_dir():
        raise ConversionError(f'{folder}: expected a folder, got none')
    root = folder if root is None else root
    found = sorted(visible_files(folder, set(suffixes)), key=natural_key)
    for path in found:
        resolve_frame(str(root), str(path.relative_to(root)))
    return found


def list_frames(root: Path, video: str) -> list[Path]:
    """Image files of a video.

    Args:
        root: Folder of all frames.
        video: Name of the video's folder in it.

    Returns:
        The files in the natural order of their names.

    Raises:
        ConversionError: If there is no such folder, or no image in it.
    """
    frames = list_files(root / video, IMAGE_SUFFIXES, root)
    if not frames:
        raise ConversionError(f'{root / video}: expected images, got none')
    return frames


def list_videos(root: Path, suffixes: Iterable[str], wanted: Sequence[str] | None) -> list[str]:
    """Videos to read: sub-folders that hold files of some kind.

    Args:
        root: The folder.
        suffixes: Endings in lower case, with the dot.
        wanted: Names of sub-folders to take; None takes all.

    Returns:
        The names, in the order wanted, else in natural order.

    Raises:
        ConversionError: If there is none, or a wanted one is missing.
    """
    if not root.is_dir():
        raise ConversionError(f'{root}: expected a folder with one folder per video, got none')
    names = wanted
    if names is None:
        names = sorted(_folders_with(root, suffixes), key=natural_key)
        if not names:
            raise ConversionError(
                f'{root}: expected one folder per video with {", ".join(sorted(suffixes))} files, '
                'got none'
            )
    for name in names:
        if not (root / name).is_dir():
            raise ConversionError(f'{root}: there is no folder {name!r}')
    return list(names)


def count_other_videos(frames: Path, names: Iterable[str]) -> int:
    """How many videos have frames beside those that are read.

    Args:
        frames: Folder of the frames.
        names: The videos that are read.

    Returns:
        The number, 0 where there is no such folder.
    """
    if not frames.is_dir():
        return 0
    return len(_folders_with(frames, IMAGE_SUFFIXES) - set(names))


def _folders_with(root: Path, suffixes: Iterable[str]) -> set[str]:
    """Names of sub-folders that hold files of some kind."""
    suffixes = set(suffixes)
    folders = (path for path in root.iterdir() if path.is_dir())
    return {path.name for path in folders if any(visible_files(path, suffixes))}


def frames_of_files(frames: Sequence[Path], files: Sequence[Path]) -> list[Path]:
    """The frames that annotation files belong to.

    Args:
        frames: The frames of the video, at least one.
        files: Its annotation files.

    Returns:
        For each file the frame of its name, but for the ending; of several the first.

    Raises:
        ConversionError: If there is none.
    """
    by_stem = {frame.stem: frame for frame in reversed(frames)}
    for path in files:
        if path.stem not in by_stem:
            raise ConversionError(
                f'{path}: expected a frame {path.stem!r} beside {frames[0].name!r} in '
                f'{frames[0].parent}, got none'
            )
    return [by_stem[path.stem] for path in files]


def read_label_image(path: Path) -> np.ndarray:
    """Read a PNG whose values are the numbers of objects.

    Args:
        path: The file: with a palette, or grey with 8 or 16 bits.

    Returns:
        (H, W), uint8 or larger.

    Raises:
        ConversionError: If it is no such image.
    """
    with _open_image(path) as image:
        if image.mode not in ('P', 'L', '1', 'I', 'I;16', 'I;16B'):
            raise ConversionError(
                f'{path}: expected one number per pixel (a palette or grey), got mode '
                f'{image.mode}: saved by a program that turned numbers into colours?'
            )
        try:
            labels = np.asarray(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise ConversionError(f'{path}: cannot be decoded: {error}') from error
    return labels.astype(np.uint8) if labels.dtype == bool else labels


def _open_image(path: Path) -> Image.Image:
    """Read the header of an image."""
    try:
        # Of the other formats that PIL knows, some run programs.
        image = Image.open(path, formats=['PNG'])
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = 'something else' if isinstance(error, UnidentifiedImageError) else error
        raise ConversionError(f'{path}: expected an image, got {reason}') from error
    if image.width * image.height > MAX_PIXELS:
        raise ConversionError(
            f'{path}: expected at most {MAX_PIXELS} pixels, got {image.height} x {image.width}'
        )
    return image
