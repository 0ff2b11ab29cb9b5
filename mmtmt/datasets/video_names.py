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

    A folder names the videos in it, or parts of one; videos without one go by their first frames.
    Only where each split has a single folder, with several videos in one of them, it names nothing,
    and all videos go by their first frames.
    Splits often have different roots, so only one part of a folder's path is compared, the last
    one that is not the same everywhere, unless two folders of a split would then share a name.

    Args:
        *splits: Of each, the first frame of every video; of a set of images the images.

    Returns:
        Of each split the name of every video.
    """
    paths = [[PurePosixPath(frame) for frame in split] for split in splits]
    folders = [[path.parent.parts for path in split] for split in paths]
    named = [[folder for folder in split if folder] for split in folders]
    flat = all(len(set(split)) <= 1 for split in named) and any(len(s) > 1 for s in named)
    if flat:
        return [[str(path) for path in split] for split in paths]
    kept = {folder: folder for split in named for folder in split}
    while all(len(part) > 1 for part in kept.values()) and (
        len({part[-1] for part in kept.values()}) == 1
    ):
        kept = {folder: part[:-1] for folder, part in kept.items()}
    alike = any(
        len({kept[folder][-1] for folder in split}) < len({kept[folder] for folder in split})
        for split in named
    )
    names = {folder: '/'.join(part) if alike else part[-1] for folder, part in kept.items()}
    return [
        [names.get(folder, str(path)) for folder, path in zip(*split)]
        for split in zip(folders, paths)
    ]
