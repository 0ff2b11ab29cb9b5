"""Tracks drawn onto frames: tinted masks with a contour and a label."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .colors import text_color, track_color
from .tracks import Track

OPACITY = 0.42
# Frames smaller than this are enlarged, or labels would cover the objects.
MIN_HEIGHT = 360
BANNER_COLOR = (24, 24, 27)


class TrackPainter:
    """Draws the tracks of one video.

    Args:
        tracks: What to draw. Later ones, those of lower score, lie below.
        shape: Height and width of the frames in pixels.
        opacity: Of the tint, 0 to 1.
        min_height: Frames that are less high are enlarged to at least this, by a whole factor.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        shape: tuple[int, int],
        *,
        opacity: float = OPACITY,
        min_height: int = MIN_HEIGHT,
    ) -> None:
        self.tracks = list(tracks)
        self.opacity = opacity
        self.scale = max(1, -(-min_height // shape[0]))
        self.shape = (shape[0] * self.scale, shape[1] * self.scale)
        self.text_size = max(13, round(min(self.shape) / 26))
        self.line_width = max(1, round(min(self.shape) / 280))

    def draw(self, frame: np.ndarray, index: int) -> np.ndarray:
        """Draws onto a copy of a frame.

        Args:
            frame: (H, W, 3) uint8, RGB.
            index: Number of the frame in the video.

        Returns:
            (H, W, 3) uint8, RGB, enlarged by ``scale``.
        """
        height, width = self.shape
        canvas = frame.copy()
        if self.scale > 1:
            canvas = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_CUBIC)
        labels = []
        for track in reversed(self.tracks):
            mask = track.mask(index)
            if mask is None or not mask.any():
                continue
            contours = self._contours(mask)
            self._tint(canvas, contours, track_color(track.track_id))
            labels.append((track, np.concatenate(contours)[:, 0]))
        self._place_labels(canvas, labels[::-1])
        return canvas

    def _contours(self, mask: np.ndarray) -> list[np.ndarray]:
        mask = mask.astype(np.uint8)
        if self.scale > 1:
            # A smoothed edge instead of the stairs of the enlarged pixels.
            mask = cv2.resize(mask * 255, self.shape[::-1], interpolation=cv2.INTER_CUBIC)
            mask = (mask > 127).astype(np.uint8)
        found, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        return list(found)

    def _tint(
        self, canvas: np.ndarray, contours: list[np.ndarray], color: tuple[int, int, int]
    ) -> None:
        points = np.concatenate(contours)[:, 0]
        margin = 2 * self.line_width + 1
        left, top = np.maximum(points.min(axis=0) - margin, 0)
        right, bottom = points.max(axis=0) + margin + 1
        region = canvas[top:bottom, left:right]
        offset = (-int(left), -int(top))
        filled = region.copy()
        # Holes are contours too; even-odd filling leaves them open.
        cv2.drawContours(filled, contours, -1, color, cv2.FILLED, offset=offset)
        cv2.addWeighted(filled, self.opacity, region, 1 - self.opacity, 0, dst=filled)
        dark = tuple(value // 4 for value in color)
        for line_color, extra in ((dark, 2), (color, 0)):
            cv2.drawContours(
                filled,
                contours,
                -1,
                line_color,
                self.line_width + extra,
                lineType=cv2.LINE_AA,
                offset=offset,
            )
        region[:] = filled

    def _place_labels(self, canvas: np.ndarray, labels: list[tuple[Track, np.ndarray]]) -> None:
        """Puts every label above its object, further up or down where another one is already."""
        taken: list[tuple[int, int, int, int]] = []
        for track, points in labels:
            chip = label_image(track.label, track_color(track.track_id), self.text_size)
            height, width = chip.shape[:2]
            # Above the object's top rather than its middle: the head of a long animal, say.
            rise = points[:, 1] - points[:, 1].min()
            left = int(points[rise <= 0.2 * rise.max(), 0].mean()) - width // 2
            left = min(max(left, 0), max(0, self.shape[1] - width))
            wanted = int(points[:, 1].min()) - height - self.line_width
            rows = range(0, max(1, self.shape[0] - height), max(1, height // 4))
            for top in sorted({max(wanted, 0), *rows}, key=lambda row: abs(row - wanted)):
                box = (left, top, left + width, top + height)
                if not any(_boxes_meet(box, other) for other in taken):
                    break
            else:
                continue  # No room is left for one more label; the object keeps its contour.
            taken.append(box)
            target = canvas[top : top + height, left : left + width]
            target[:] = chip[: target.shape[0], : target.shape[1]]


def _boxes_meet(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@lru_cache(maxsize=512)
def label_image(text: str, color: tuple[int, int, int], size: int) -> np.ndarray:
    """A label as a small picture.

    Args:
        text: What it says.
        color: Of the background.
        size: Of the font, in pixels.

    Returns:
        (h, w, 3) uint8, RGB.
    """
    font = ImageFont.load_default(size)
    pad = max(2, size // 4)
    width = int(font.getlength(text)) + 2 * pad
    ascent, descent = font.getmetrics()
    image = Image.new('RGB', (width, ascent + descent + pad), color)
    ImageDraw.Draw(image).text((pad, pad // 2), text, font=font, fill=text_color(color))
    return np.asarray(image)


def add_banner(frame: np.ndarray, title: str, note: str = '') -> np.ndarray:
    """Puts a dark line with a title above a frame.

    Args:
        frame: (H, W, 3) uint8, RGB.
        title: Text at the left.
        note: Text at the right.

    Returns:
        A higher frame of the same width.
    """
    height, width = frame.shape[:2]
    size = max(13, round(min(height, width) / 24))
    banner = np.full((round(1.7 * size), width, 3), BANNER_COLOR, np.uint8)
    for text, right in ((title, False), (note, True)):
        if not text:
            continue
        chip = label_image(text, BANNER_COLOR, size)[: len(banner), :width]
        top = (len(banner) - len(chip)) // 2
        left = width - chip.shape[1] if right else 0
        banner[top : top + len(chip), left : left + chip.shape[1]] = chip
    return np.concatenate([banner, frame])


def side_by_side(*frames: np.ndarray) -> np.ndarray:
    """Frames of one height beside each other.

    Args:
        *frames: (H, W, 3) uint8, RGB, of any widths.

    Returns:
        (H, their widths and the gaps between, 3) uint8.
    """
    height = len(frames[0])
    gap = np.full((height, max(2, height // 90), 3), 255, np.uint8)
    parts = [part for frame in frames for part in (gap, frame)]
    return np.concatenate(parts[1:], axis=1)
