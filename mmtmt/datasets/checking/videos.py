"""Checks of a dataset's videos and their frames on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmtmt.datasets.annotation_file import is_safe_name
from mmtmt.datasets.transforms.loading import resolve_frame
from mmtmt.structures.images import FrameError, read_image, read_size
from mmtmt.structures.rle import check_frame_size
from mmtmt.utils.video import IMAGE_SUFFIXES, natural_key, visible_files

from .problems import Report

Size = tuple[int, int]


class VideoChecker:
    """Checks videos, and makes repaired ones.

    Args:
        report: Where problems are noted.
        frames: Folder of the frames; None looks at no frame.
        decode: Whether frames are decoded as a whole, or only their headers read.
        mask_sizes: Per video id how often its annotations' masks have which height and width.
    """

    def __init__(
        self,
        report: Report,
        frames: Path | None,
        decode: bool,
        mask_sizes: dict[int, Counter[Size]],
    ) -> None:
        self.report = report
        self.frames = frames
        self.decode = decode
        self.mask_sizes = mask_sizes
        self.kept_frames: dict[int, list[int]] = {}
        """Per id of a repaired video, the positions of the frames that it keeps."""
        self.original_length: dict[int, int] = {}
        self._owners: dict[str, int] = {}

    def check(self, videos: Any, progress: Callable[[int, int], None] | None) -> list[dict]:
        """Check all videos.

        Args:
            videos: What stands under ``videos``.
            progress: Called with the number of checked videos and of all.

        Returns:
            Repaired videos.
        """
        if not isinstance(videos, list) or not videos:
            what = f'expected a list with at least one video, got {videos!r:.60}'
            self.report.add('not-this-form', 'videos', what)
            return []
        repaired: list[dict] = []
        for index, video in enumerate(videos):
            kept = self._check(index, video)
            if kept is not None:
                repaired.append(kept)
            if progress is not None:
                progress(index + 1, len(videos))
        return repaired

    def _check(self, index: int, video: Any) -> dict | None:
        add, dropped = self.report.add, 'the video is left out'
        self.report.counts['videos'] += 1
        video_id = video.get('id') if isinstance(video, dict) else None
        if type(video_id) is not int or video_id < 0:
            what = f'expected an object with an id from 0, got {video!r:.80}'
            add('not-this-form', f'videos[{index}]', what, dropped)
            return None
        where = f'video {video_id}'
        if video_id in self.kept_frames:
            add('duplicate-video', where, 'the id stands twice', 'only the first is kept')
            return None
        names = video.get('file_names')
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            add('not-this-form', where, f'expected file_names, got {names!r:.60}', dropped)
            return None
        if video_id == 0:
            add('id-zero', where, 'the id is 0')
        if 'length' in video and video['length'] != len(names):
            what = f'length is {video["length"]!r:.20}, there are {len(names)} file names'
            add('length', where, what, f'length becomes {len(names)}')
        self.report.counts['frames'] += len(names)
        found = self._look_at_frames(where, names)
        size = self._size(where, video, found, video_id)
        kept = []
        for frame, frame_size in found.items():
            if size is not None and frame_size is not None and frame_size != size:
                what = f'expected {_text(size)}, got {_text(frame_size)}'
                add('frame-size', _frame(where, frame, names), what, 'the frame is left out')
            else:
                kept.append(frame)
        if size is None:
            return None
        if not kept:
            add('no-frames', where, f'none of {len(names)} frames can be used', dropped)
            return None
        self._check_names(video_id, where, names)
        self.kept_frames[video_id], self.original_length[video_id] = kept, len(names)
        return {
            **video,
            'height': size[0],
            'width': size[1],
            'length': len(kept),
            'file_names': [names[frame] for frame in kept],
        }

    def _look_at_frames(self, where: str, names: list[str]) -> dict[int, Size | None]:
        """Sizes of the frames that can be read, None if they aren't looked at."""
        found: dict[int, Size | None] = {}
        for frame, name in enumerate(names):
            at = _frame(where, frame, names)
            if not is_safe_name(name):
                what = 'expected a name inside the folder of frames'
                self.report.add('unsafe-name', at, what, 'the frame is left out')
                continue
            try:
                found[frame] = self._read(name)
            except FileNotFoundError as error:
                self.report.add('missing-frame', at, str(error), 'the frame is left out')
            except (OSError, ValueError) as error:
                kind = 'unsafe-name' if 'got a link to' in str(error) else 'unreadable-frame'
                self.report.add(kind, at, str(error), 'the frame is left out')
        return found

    def _read(self, name: str) -> Size | None:
        """Size of a frame."""
        if self.frames is None:
            return None
        path = resolve_frame(str(self.frames), name)
        if not Path(path).is_file():
            raise FileNotFoundError(f'there is no file {self.frames / name}')
        return read_image(path).shape[:2] if self.decode else read_size(path)

    def _size(
        self, where: str, video: dict, found: dict[int, Size | None], video_id: int
    ) -> Size | None:
        """Height and width of a video, from its frames and masks where its own can't be."""
        stated = (video.get('height'), video.get('width'))
        valid = all(type(side) is int for side in stated)
        if valid:
            try:
                check_frame_size(*stated)
            except ValueError:
                valid = False
        sizes = {size for size in found.values() if size is not None}
        masks = set(self.mask_sizes.get(video_id, ()))
        agreed = None
        if len(sizes) == 1 and masks <= sizes:
            (agreed,) = sizes
        elif not sizes and not valid and len(masks) == 1:
            (agreed,) = masks
        if valid and (agreed is None or agreed == stated):
            return stated
        if agreed is None:
            what = f'height is {stated[0]!r:.20}, width is {stated[1]!r:.20}'
            self.report.add('video-size', where, what, 'the video is left out')
            return None
        what = (
            f'height is {stated[0]!r:.20}, width is {stated[1]!r:.20}; the '
            f'{"frames" if sizes else "masks"} have {_text(agreed)}'
        )
        kind = 'frame-size' if valid else 'video-size'
        self.report.add(kind, where, what, f'the size becomes {_text(agreed)}')
        return agreed

    def _check_names(self, video_id: int, where: str, names: list[str]) -> None:
        repeated = [name for name, count in Counter(names).items() if count > 1]
        for name in repeated:
            self.report.add('repeated-frame', where, f'{name!r:.80} stands twice')
        if sorted(names, key=natural_key) != names and not repeated:
            self.report.add('frame-order', where, f'{names[0]!r:.60}, ... are not sorted')
        for name in dict.fromkeys(names):
            owner = self._owners.setdefault(name, video_id)
            if owner != video_id:
                what = f'{name!r:.80} is a frame of video {owner} too'
                self.report.add('repeated-frame', where, what)

    def check_unused(self, elsewhere: set[str]) -> None:
        """Note folders with images that no video names.

        Args:
            elsewhere: Names of frames that other splits use.
        """
        if self.frames is None or not self.frames.is_dir():
            return
        known = elsewhere | set(self._owners)
        for folder in sorted(path for path in self.frames.iterdir() if path.is_dir()):
            try:
                resolve_frame(str(self.frames), folder.name)
            except FrameError:
                continue  # a link that leads elsewhere: what lies there isn't of this set
            images = list(visible_files(folder, IMAGE_SUFFIXES))
            unused = [p for p in images if p.relative_to(self.frames).as_posix() not in known]
            if unused:
                what = f'{len(unused)} of {len(images)} images are in no video'
                self.report.add('unused-frames', folder.name, what)


def _frame(where: str, frame: int, names: list[str]) -> str:
    return f'{where}, frame {frame} ({names[frame]!r:.80})'


def _text(size: Size) -> str:
    return f'{size[0]} x {size[1]} (height x width)'
