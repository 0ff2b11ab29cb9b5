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

    A folder names the videos in it, or parts of one, unless all videos of a split lie there: those
    go by their first frames. Splits often have different roots, so that the last parts of the paths
    are taken, unless they are the same for several videos of a split.

    Args:
        *splits: Of each, the first frame of every video; of a set of images the images.

    Returns:
        Of each split the name of every video.
    """
    folders = [[str(PurePosixPath(frame).parent) for frame in split] for split in splits]
    shared = {'.'}.union(*(split for split in folders if len(split) > 1 and len(set(split)) == 1))
    paths = [
        [frame if folder in shared else folder for frame, folder in zip(frames, split)]
        for frames, split in zip(splits, folders)
    ]
    last = [[PurePosixPath(path).name for path in split] for split in paths]
    alike = any(len(set(short)) < len(set(split)) for short, split in zip(last, paths))
    return paths if alike else last
