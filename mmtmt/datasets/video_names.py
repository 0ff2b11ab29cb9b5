"""What videos are called by the files of their frames, in one file and across several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath


def video_name(file_names: Sequence[str]) -> str:
    """Name of a video: the folder of its first frame.

    Args:
        file_names: Its frames.

    Returns:
        The folder, or the frame's own name where there is none.
    """
    folder, _, name = file_names[0].rpartition('/')
    return folder or name


def names_across(*splits: Sequence[str]) -> list[list[str]]:
    """Names by which the videos of several splits can be compared.

    A folder names the videos in it, or parts of one. Only where each split has a single folder,
    with several videos in one of them, it names nothing, and videos go by their first frames.
    Splits often have different roots, so only one part of a folder's path is compared, the last
    one that is not the same everywhere, unless two folders of a split would then share a name.

    Args:
        *splits: Of each, the first frame of every video; of a set of images the images.

    Returns:
        Of each split the name of every video.
    """
    paths = [[PurePosixPath(frame) for frame in split] for split in splits]
    folders = [[path.parent.parts for path in split] for split in paths]
    flat = all(len(set(split)) <= 1 for split in folders) and any(len(s) > 1 for s in folders)
    if flat or any(not folder for split in folders for folder in split):
        return [[str(path) for path in split] for split in paths]
    while all(len(folder) > 1 for split in folders for folder in split) and (
        len({folder[-1] for split in folders for folder in split}) == 1
    ):
        folders = [[folder[:-1] for folder in split] for split in folders]
    last = [[folder[-1] for folder in split] for split in folders]
    alike = any(len(set(short)) < len(set(split)) for short, split in zip(last, folders))
    return [['/'.join(folder) for folder in split] for split in folders] if alike else last
