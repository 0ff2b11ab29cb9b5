import itertools

import numpy as np
import pytest

from mmtmt.structures.tubes import encode_tube
from mmtmt.visualization import Track, TrackPainter, add_banner, side_by_side, track_color
from mmtmt.visualization.colors import text_color
from mmtmt.visualization.overlay import label_image

SHAPE = (400, 600)


def track(track_id, *boxes, shape=SHAPE):
    """A track with a rectangle (top, bottom, left, right) per frame."""
    masks = np.zeros((len(boxes), *shape), bool)
    for mask, box in zip(masks, boxes):
        if box is not None:
            mask[box[0] : box[1], box[2] : box[3]] = True
    return Track(track_id, 'dog', encode_tube(masks), 0.5)


@pytest.fixture
def frame():
    return np.full((*SHAPE, 3), 128, np.uint8)


def test_colors_of_close_tracks_differ_and_stay():
    colors = np.array([track_color(i) for i in range(20)])
    distances = [np.abs(a - b).sum() for a, b in itertools.combinations(colors, 2)]
    assert min(distances) > 30
    assert min(np.abs(a - b).sum() for a, b in zip(colors, colors[1:])) > 150
    assert track_color(3) == track_color(3) != track_color(4)


def test_text_is_legible_on_every_color():
    def luminance(color):
        value = np.array(color) / 255
        linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
        return linear @ (0.2126, 0.7152, 0.0722)

    for i in range(60):
        light, dark = sorted(
            (luminance(track_color(i)), luminance(text_color(track_color(i)))), reverse=True
        )
        assert (light + 0.05) / (dark + 0.05) > 4.5


def test_mask_is_tinted_and_the_rest_is_left_alone(frame):
    box = (150, 350, 200, 400)
    before = frame.copy()
    picture = TrackPainter([track(2, box)], SHAPE, opacity=0.5).draw(frame, 0)
    np.testing.assert_array_equal(frame, before)
    expected = 0.5 * np.array(track_color(2)) + 64
    np.testing.assert_allclose(picture[250, 300], expected, atol=1.5)
    np.testing.assert_array_equal(picture[:100], 128)
    np.testing.assert_array_equal(picture[:, :190], 128)
    # The contour is close to the full colour; its edges are smoothed.
    distance = np.abs(picture[148:153, 250].astype(int) - track_color(2)).max(axis=-1)
    assert distance.min() < 40


def test_hole_stays_open(frame):
    masks = np.zeros((1, *SHAPE), bool)
    masks[0, 100:300, 100:300] = True
    masks[0, 170:230, 170:230] = False
    painted = TrackPainter([Track(1, 'ring', encode_tube(masks))], SHAPE).draw(frame, 0)
    np.testing.assert_array_equal(painted[200, 200], 128)
    assert (painted[140, 140] != 128).any()


def test_absent_object_is_not_drawn(frame):
    painter = TrackPainter([track(1, (150, 350, 200, 400), None)], SHAPE)
    np.testing.assert_array_equal(painter.draw(frame, 1), frame)


def test_better_track_lies_on_top(frame):
    tracks = [track(1, (100, 300, 100, 300)), track(2, (100, 300, 100, 300))]
    alone = TrackPainter(tracks[:1], SHAPE, opacity=1.0).draw(frame, 0)
    both = TrackPainter(tracks, SHAPE, opacity=1.0).draw(frame, 0)
    np.testing.assert_array_equal(both[200, 200], alone[200, 200])


def test_labels_do_not_cover_each_other(frame):
    """Five objects at one place, also at the top where there is no room above."""
    tracks = [track(i, (0, 60, 280, 320)) for i in range(1, 6)]
    painter = TrackPainter(tracks, SHAPE)
    picture = painter.draw(frame, 0)
    for item in tracks:
        chip = label_image(item.label, track_color(item.track_id), painter.text_size)
        assert contains(picture, chip)


def contains(picture, chip):
    height, width = chip.shape[:2]
    rows, columns = np.nonzero((picture[:, :, :] == chip[0, 0]).all(axis=-1))
    return any(
        np.array_equal(picture[y : y + height, x : x + width], chip) for y, x in zip(rows, columns)
    )


def test_label_wider_than_the_frame():
    shape = (380, 20)
    item = Track(1, 'a very long name indeed', track(1, (100, 200, 5, 15), shape=shape).tube)
    picture = TrackPainter([item], shape).draw(np.zeros((*shape, 3), np.uint8), 0)
    assert picture.shape == (*shape, 3)


def test_small_frames_are_enlarged():
    painter = TrackPainter([track(1, (10, 30, 10, 30), shape=(40, 50))], (40, 50))
    picture = painter.draw(np.full((40, 50, 3), 128, np.uint8), 0)
    assert painter.scale == 9 and picture.shape == (360, 450, 3)
    assert (picture[180, 180] != 128).any() and (picture[340, 430] == 128).all()


def test_banner_and_side_by_side(frame):
    titled = add_banner(frame, 'ground truth', '1 / 2')
    np.testing.assert_array_equal(titled[-SHAPE[0] :], frame)
    assert (titled[: -SHAPE[0]] == 255).any()
    pair = side_by_side(titled, titled)
    np.testing.assert_array_equal(pair[:, : SHAPE[1]], titled)
    np.testing.assert_array_equal(pair[:, -SHAPE[1] :], titled)
    gap = pair.shape[1] - 2 * SHAPE[1]
    assert side_by_side(titled, titled, titled).shape[1] == 3 * SHAPE[1] + 2 * gap
