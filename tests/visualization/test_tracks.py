import numpy as np
import pytest

from mmtmt.structures.tubes import encode_tube
from mmtmt.visualization import (
    Track,
    share_numbers,
    tracks_from_prediction,
)
from mmtmt.visualization.tracks import tube_overlap


def tube(*spans, height=10, width=20):
    """A tube with a band of columns per frame, absent for None."""
    masks = np.zeros((len(spans), height, width), bool)
    for mask, span in zip(masks, spans):
        if span is not None:
            mask[:, span[0] : span[1]] = True
    return encode_tube(masks)


def test_overlap_is_of_the_whole_tube():
    a, b = tube((0, 10), (0, 10), None), tube((5, 15), None, (0, 5))
    # 50 pixels in common; 150 + 100 + 50 in either.
    assert tube_overlap(a, b) == pytest.approx(50 / 300)
    assert tube_overlap(a, a) == 1
    assert tube_overlap(tube(None), tube(None)) == 0


def test_best_prediction_of_each_object_is_kept_and_numbered():
    tubes = [tube((0, 10)), tube((0, 9)), tube((12, 20)), tube((4, 6)), tube(None)]
    tracks = tracks_from_prediction(
        [0.5, 0.9, 0.8, 0.1, 0.95], [0, 1, 1, 0, 0], tubes, ['cat', 'dog']
    )
    assert [(track.track_id, track.label) for track in tracks] == [
        (1, '1 dog 0.90'),
        (2, '2 dog 0.80'),
    ]
    assert tracks[0].tube is tubes[1]


def test_mask_is_that_of_the_frame():
    track = Track(1, 'dog', tube((0, 5), None))
    assert track.mask(0).sum() == 50 and track.mask(1) is None


def test_partners_share_numbers():
    """The largest overlap wins a number; what is new gets one that isn't used."""
    reference = [Track(1, 'cat', tube((0, 10))), Track(2, 'dog', tube((10, 20)))]
    others = [
        Track(1, 'new', tube((8, 12))),
        Track(2, 'dog', tube((11, 20))),
        Track(3, 'cat', tube((0, 7))),
        Track(4, 'cat', tube((0, 9))),
    ]
    shared = share_numbers(reference, others)
    assert [track.track_id for track in shared] == [3, 2, 4, 1]
    assert [track.name for track in shared] == ['new', 'dog', 'cat', 'cat']
    assert share_numbers([], others) == others
