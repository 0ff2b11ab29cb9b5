"""Switches of identity where a video was cut."""

import numpy as np

from mmtmt.evaluation.analysis.borders import Crossings, count_crossings, held_through


def test_counts_switches_at_borders_and_elsewhere():
    # 6 frames, 3 results, 2 objects
    iou = np.zeros((6, 3, 2))
    iou[:3, 0, 0] = 0.9  # the first result holds the first object, then the second one does
    iou[3:, 1, 0] = 0.8
    iou[:2, 2, 1] = 0.7  # the third holds the second one, which is lost in between and found by
    iou[4:, 0, 1] = 0.7  # another result: no step from frame to frame tells
    assert count_crossings(iou, {3}) == (Crossings(0, 1), Crossings(4 + 2, 0))
    assert count_crossings(iou, ()) == (Crossings(0, 0), Crossings(6, 1))
    assert count_crossings(iou, {1, 2}) == (Crossings(2 + 1, 0), Crossings(3, 1))
    assert str(Crossings(3, 1)) == '1 of 4'


def test_a_second_result_that_stays_keeps_the_object():
    iou = np.full((4, 2, 1), 0.6)
    iou[2:, 0] = 0.1
    assert count_crossings(iou, {2}) == (Crossings(1, 0), Crossings(2, 0))
    assert count_crossings(iou, {2}, threshold=0.05) == (Crossings(1, 0), Crossings(2, 0))
    iou[2:, 1] = 0.1
    assert count_crossings(iou, {2}) == (Crossings(0, 0), Crossings(1, 0))


def test_only_some_steps_count():
    iou = np.zeros((4, 2, 2))
    iou[:2, 0], iou[2:, 1] = 0.9, 0.9  # both objects change from the first result to the second
    assert count_crossings(iou, {2}) == (Crossings(0, 2), Crossings(4, 0))
    only = np.ones((3, 2), bool)
    only[1, 0] = only[0, 1] = False
    assert count_crossings(iou, {2}, only=only) == (Crossings(0, 1), Crossings(3, 0))
    assert held_through(iou).tolist() == [[True] * 2, [False] * 2, [True] * 2]
    assert count_crossings(iou, {2}, only=held_through(iou))[0] == Crossings(0, 0)


def test_nothing_to_follow():
    for shape in ((1, 2, 2), (5, 0, 2), (5, 2, 0)):
        assert count_crossings(np.ones(shape), {1, 2})[1].switched == 0
