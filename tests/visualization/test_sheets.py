"""Sheets of frames."""

import numpy as np
import pytest

from mmtmt.structures.frame_source import ArrayFrameSource
from mmtmt.structures.images import read_image
from mmtmt.structures.tubes import encode_tube
from mmtmt.visualization import (
    Track,
    stack_images,
    track_color,
    track_sheet,
    write_png,
)
from mmtmt.visualization.report import SHEET_GAP as GAP
from mmtmt.visualization.report import tile_pictures
from mmtmt.visualization.sheets import spread


def test_tiles_keep_their_order():
    cells = [np.full((4, 6, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = tile_pictures(cells, 2)
    assert sheet.shape == (8 + GAP, 12 + GAP, 3)
    assert sheet[0, 0, 0] == 10 and sheet[0, 6 + GAP, 0] == 20 and sheet[4 + GAP, 0, 0] == 30
    assert (sheet[4 + GAP :, 6:] == 255).all()
    stack = stack_images([cells[0], np.full((2, 9, 3), 40, np.uint8)])
    assert stack.shape == (6 + GAP, 9, 3) and stack[-1, -1, 0] == 40 and stack[0, -1, 0] == 255


def test_spread():
    assert spread(10, 4) == [0, 3, 6, 9] and spread(2, 6) == [0, 1] and spread(1, 3) == [0]


@pytest.mark.parametrize('scale', [1, 2, 0.5])
def test_objects_are_drawn_where_they_are(scale):
    frames = np.zeros((5, 240, 400, 3), np.uint8)
    masks = np.zeros((5, 240, 400), bool)
    masks[0, 80:160, 240:360] = masks[4, 80:160, 240:360] = True
    track = Track(1, 'cat', encode_tube(masks))
    width = int(400 * scale)
    sheet = track_sheet(
        ArrayFrameSource(frames), [track], title='a', frames=3, columns=3, cell_width=width
    )
    cells = [sheet[:, i * (width + GAP) : i * (width + GAP) + width] for i in range(3)]
    color = np.array(track_color(1))
    inside = [cell[-int(100 * scale), int(320 * scale)] for cell in cells]
    assert all((np.abs(inside[i] - 0.42 * color) < 9).all() for i in (0, 2))
    assert (inside[1] == 0).all()
    assert (cells[0][-int(20 * scale) :, : int(160 * scale)] == 0).all()


def test_png_is_lossless(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (9, 7, 3), dtype=np.uint8)
    assert (read_image(write_png(image, tmp_path / 'new/a.png')) == image).all()
