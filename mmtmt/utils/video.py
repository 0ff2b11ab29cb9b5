"""Reading and writing video files through PyAV."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from functools import cache
from glob import glob, has_magic
from itertools import chain, islice
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from mmengine.logging import print_log

from mmtmt.structures.frame_source import ArrayFrameSource, FrameSource, ImageFrameSource
from mmtmt.structures.images import FrameError
from mmtmt.structures.resize import ResizeRule

IMAGE_SUFFIXES = {'.jpg', '.jpeg', '.png', '.bmp', '.webp'}
DEFAULT_FPS = 10.0


class VideoFrameSource(FrameSource):
    """A video file whose frames are decoded when they are asked for.

    The file is scanned once for the times of its frames, without decoding where it has them; where
    it has none (raw H.264, some AVI), its frames are decoded to be counted. Reading on from where
    the last read ended costs nothing extra; anywhere else, decoding restarts at the key frame
    before, or at the beginning where the file can't be entered elsewhere.

    Args:
        path: The file; anything that FFmpeg reads.
        resize: Rule for the size that the model sees; None keeps the stored size.

    Raises:
        FrameError: If the file is missing, holds no video, or none of its frames can be decoded.
    """

    def __init__(self, path: str | Path, *, resize: ResizeRule | None = None) -> None:
        self.path = str(path)
        try:
            # The times are None where only counting tells frames apart.
            self._times, length, self.fps = _scan(self.path)
            self._decoder: Iterator[av.VideoFrame] | None = None
            self._position = 0
            first = self._decode_from(0)
            shape = _upright(next(first)).shape[:2]
        except (OSError, StopIteration, av.error.FFmpegError) as error:
            raise FrameError(
                f'{self.path}: expected a video file, got {error or "no frames"}'
            ) from error
        super().__init__(
            num_frames=length, ori_shape=shape, resize=resize, name=self.path
        )

    def __getstate__(self) -> dict:
        """Leave the open file out, which can't be pickled."""
        return {**self.__dict__, '_decoder': None, '_position': 0}

    def decode(self, start: int, stop: int) -> list[np.ndarray]:
        """Decode frames at their stored size.

        Args:
            start: First frame.
            stop: One past the last frame; at most T.

        Returns:
            stop - start arrays (H, W, 3) uint8, RGB.

        Raises:
            FrameError: If a frame can't be decoded, for one where the file is cut short.
        """
        # Unless all goes well, the next read starts afresh.
        decoder, self._decoder = self._decoder, None
        frames = []
        try:
            if decoder is None or self._position != start:
                decoder = self._decode_from(start)
            for index in range(start, stop):
                frame = next(decoder, None)
                if frame is None or (self._times and frame.pts != self._times[index]):
                    raise FrameError(f'{self.path}: frame {index} of {len(self)} is missing')
                frames.append(_upright(frame))
        except av.error.FFmpegError as error:
            raise FrameError(f'{self.path}: frame {start + len(frames)}: {error}') from error
        self._decoder, self._position = decoder, stop
        return frames

    def _decode_from(self, start: int) -> Iterator[av.VideoFrame]:
        if start and self._times:
            frames = self._after(self._times[start], seek=True)
            first = next(frames, None)
            # Not every container can be entered where it says.
            if first is not None and first.pts == self._times[start]:
                return chain([first], frames)
        if self._times:
            return self._after(self._times[start], seek=False)
        return islice(_decoded(self.path), start, None)

    def _after(self, time: int, seek: bool) -> Iterator[av.VideoFrame]:
        """The frames from a time on."""
        for frame in _decoded(self.path, time if seek else None):
            if frame.pts is not None and frame.pts >= time:
                yield frame


def _decoded(path: str, time: int | None = None) -> Iterator[av.VideoFrame]:
    """All frames, or those from a key frame before a time on."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = 'AUTO'
        if time is not None:
            container.seek(time, stream=stream)
        yield from container.decode(stream)


def _scan(path: str) -> tuple[list[int] | None, int, float]:
    """Presentation times of all frames in the stream's units, rising, or None where packets lack
    them; the number of frames; and frames per second."""
    with av.open(path) as container:
        if not container.streams.video:
            raise FrameError('a file without a video stream')
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        if len(packets) < stream.frames:
            raise FrameError(f'a file with {len(packets)} of its {stream.frames} frames')
        fps = float(stream.average_rate or DEFAULT_FPS)
        reordered = stream.codec_context.has_b_frames
    times = [packet.pts for packet in packets if not packet.is_discard]
    # Frames that are shown in another order than they are stored can't have rising times there:
    # AVI knows when frames are decoded alone.
    if None in times or (reordered and times == sorted(times)):
        times, length = None, sum(1 for _ in _decoded(path))
    else:
        times, length = sorted(times), len(times)
    if not length:
        raise FrameError('a video stream without frames')
    return times, length, fps


def _upright(frame: av.VideoFrame) -> np.ndarray:
    """(H, W, 3) uint8, RGB, turned as the file says that it is to be shown."""
    return np.ascontiguousarray(
        np.rot90(frame.to_ndarray(format='rgb24'), round(frame.rotation / 90))
    )


def visible_files(folder: Path, suffixes: Collection[str]) -> Iterator[Path]:
    """Files of a folder by their endings.

    Args:
        folder: The folder.
        suffixes: Endings in lower case, with the dot.

    Yields:
        The files in any order. Names that start with a dot are left out: macOS puts such a file
        beside each one that it copies to a foreign disk, with the same ending.
    """
    for path in folder.iterdir():
        if path.suffix.lower() in suffixes and not path.name.startswith('.'):
            yield path


def open_frame_source(
    video: str | Path | Sequence[str | Path] | np.ndarray | FrameSource,
    *,
    resize: ResizeRule | None = None,
) -> FrameSource:
    """Opens whatever holds the frames of one video.

    Args:
        video: One of

            - a video file;
            - a folder of images, a pattern such as ``'frames/*.jpg'`` or one image, in the natural
              order of their names (frame2 before frame10);
            - a list of image files, in the order given;
            - an array (T, H, W, 3) uint8, RGB;
            - a frame source, which is returned as it is.
        resize: Rule for the size that the model sees; None keeps the stored size.

    Returns:
        The frames.

    Raises:
        FrameError: If there is no such file, or no image in the folder.
    """
    if isinstance(video, FrameSource):
        return video
    if isinstance(video, np.ndarray):
        return ArrayFrameSource(video, resize=resize)
    if not isinstance(video, (str, Path)):
        return ImageFrameSource(video, resize=resize)
    path = Path(video)
    if path.is_dir():
        images = list(visible_files(path, IMAGE_SUFFIXES))
        if not images:
            raise FrameError(
                f'{path}: expected a folder of images ({", ".join(sorted(IMAGE_SUFFIXES))}), '
                'got one without'
            )
    elif path.exists():
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            return VideoFrameSource(path, resize=resize)
        images = [path]
    elif has_magic(str(video)):
        images = [Path(file) for file in glob(str(video), recursive=True)]
        if not images:
            raise FrameError(f'{video}: no file matches')
    else:
        raise FrameError(f'{video}: expected a video file, a folder or a pattern, got nothing')
    images.sort(key=natural_key)
    return ImageFrameSource(images, resize=resize, name=str(video))


def natural_key(path: str | Path) -> list[str | int]:
    """Sort key under which frame2 comes before frame10.

    Args:
        path: A path or name.

    Returns:
        Its text and numbers, which take turns, so that like is compared with like.
    """
    return [int(part) if part.isdecimal() else part for part in re.split(r'(\d+)', str(path))]


class VideoWriter:
    """Writes an mp4 file that browsers play: H.264 where PyAV has it, else MPEG-4 part 2.

    Use it as a context manager. The file appears under its name when it is complete; after an
    error nothing is left behind.

    Args:
        path: The file to write, ending in .mp4.
        fps: Frames per second.
        crf: Quality of H.264, from 0 (lossless) to 51.

    Raises:
        ValueError: If the name doesn't end in .mp4 or fps isn't positive.
    """

    def __init__(self, path: str | Path, *, fps: float = DEFAULT_FPS, crf: int = 18) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() != '.mp4':
            raise ValueError(f'expected a file name that ends in .mp4, got {self.path.name!r}')
        if not fps > 0:
            raise ValueError(
                f'{self.path}: expected a positive number of frames per second, got {fps}'
            )
        self.fps = Fraction(fps).limit_denominator(1001)
        self.crf = crf
        self._shape: tuple[int, int] | None = None
        self._unfinished = self.path.with_name(f'.{self.path.name}.{os.getpid()}.part')
        self._container = self._stream = None

    def __enter__(self) -> VideoWriter:
        """Return the writer; the file is opened by the first frame, which tells the size."""
        return self

    def write(self, frame: np.ndarray) -> None:
        """Appends a frame.

        Args:
            frame: (H, W, 3) uint8, RGB, all of one size. Odd sizes, which the pixel format of
                these codecs doesn't know, are made even by repeating the last row or column.

        Raises:
            ValueError: If the frame has another form than the first.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise ValueError(
                f'{self.path}: expected frames (H, W, 3) of uint8, '
                f'got {frame.shape} of {frame.dtype}'
            )
        if self._shape is None:
            self._open(frame.shape[:2])
        if frame.shape[:2] != self._shape:
            raise ValueError(
                f'{self.path}: expected {self._shape} like before, got {frame.shape[:2]}'
            )
        height, width = self._shape
        if height % 2 or width % 2:
            frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode='edge')
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format='rgb24')
        self._container.mux(self._stream.encode(picture))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the file, or remove it after an error."""
        if self._container is None:
            return
        try:
            try:
                if error is None:
                    self._container.mux(self._stream.encode(None))
            finally:
                self._container.close()
            if error is None:
                os.replace(self._unfinished, self.path)
        finally:
            self._unfinished.unlink(missing_ok=True)

    def _open(self, shape: tuple[int, int]) -> None:
        self._shape = (int(shape[0]), int(shape[1]))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        codec = video_codec()
        # The index comes first, so that a browser plays before it has the whole file.
        self._container = av.open(
            str(self._unfinished), 'w', format='mp4', options={'movflags': 'faststart'}
        )
        options = {'crf': str(self.crf), 'preset': 'veryfast'} if codec == 'libx264' else {}
        self._stream = self._container.add_stream(codec, rate=self.fps, options=options)
        self._stream.height = self._shape[0] + self._shape[0] % 2
        self._stream.width = self._shape[1] + self._shape[1] % 2
        self._stream.pix_fmt = 'yuv420p'
        if not options:
            # Enough for flat overlays: a quarter of a byte per pixel.
            self._stream.bit_rate = int(2 * self._shape[0] * self._shape[1] * self.fps)


@cache
def video_codec() -> str:
    """The best encoder that this build of PyAV has: libx264, else mpeg4, which is logged."""
    if 'libx264' in av.codecs_available:
        return 'libx264'
    print_log(
        'This build of PyAV has no H.264 encoder: videos are written as MPEG-4 part 2, which '
        'players show but most browsers do not',
        logger='current',
    )
    return 'mpeg4'
