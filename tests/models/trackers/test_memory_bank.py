"""IDOL's tracker and log, beside the reference numbers of `idol_tracker_*`."""
import pytest
import torch

from mmtmt.models.outputs import CategoryContext
from mmtmt.models.trackers import MemoryBankTracker, TrackLog
from mmtmt.models.vis import IDOL, EvaluationSpace
from mmtmt.models.vis.track_output import TrackState, collect_tracks, link_frame

OBJECTS = 8 * torch.eye(3)  # embeddings of three objects that nothing mistakes for each other


def boxes_of(*columns):
    """Masks of 8 x 12 pixels: object i in column i, apart from the others."""
    masks = torch.zeros(len(columns), 8, 12, dtype=torch.bool)
    for mask, column in zip(masks, columns):
        mask[2:6, 4 * column:4 * column + 3] = True
    return masks


def see(tracker, *objects, score=0.9):
    scores = torch.full((len(objects), ), score)
    return tracker.update(scores, OBJECTS[list(objects)], boxes_of(*objects)).ids.tolist()


def test_objects_keep_their_track_in_any_order():
    tracker = MemoryBankTracker()
    assert see(tracker, 0, 1) == [0, 1]
    assert see(tracker, 1, 2, 0) == [1, 2, 0]
    assert see(tracker, 2) == [2]


@pytest.mark.parametrize('max_unseen, expected', [(10, 2), (200, 0)])
def test_an_object_that_vanishes_for_100_frames(max_unseen, expected):
    tracker = MemoryBankTracker(max_unseen=max_unseen)
    see(tracker, 0, 1)
    for _ in range(100):
        assert see(tracker, 1) == [1]
    assert len(tracker.tracks) == (1 if max_unseen == 10 else 2)
    assert see(tracker, 1, 0) == [1, expected]


def test_scores_decide_who_starts_a_track():
    tracker = MemoryBankTracker(init_score=0.3, new_score=0.6)
    assert see(tracker, 0, score=0.25) == [-1]  # alone, so a backdrop
    assert see(tracker, 0, score=0.35) == [0]
    assert see(tracker, 0, 1, score=0.35) == [0, -1]
    assert see(tracker, 0, 1, score=0.65) == [0, 1]


def test_doubles_are_suppressed_and_overlaps_are_dropped():
    tracker = MemoryBankTracker(mask_nms=0.5)
    masks = boxes_of(0, 0, 1)
    masks[2] |= masks[0] & (torch.arange(8)[:, None] < 4)
    kept, ids = tracker.update(torch.tensor([0.9, 0.8, 0.1]), OBJECTS, masks)
    assert kept.tolist() == [0, 2] and ids.tolist() == [0, -2]


def test_a_track_is_compared_by_its_weighted_memory():
    tracker = MemoryBankTracker(memory_length=2)
    for score, scale in ((0.9, 5.0), (0.5, 1.0), (0.7, 3.0)):
        tracker.update(torch.tensor([score]), scale * OBJECTS[:1], boxes_of(0))
    # the last two, weighted by score + 1/2 and score + 1
    expected = (1.0 * 1.0 + 1.7 * 3.0) / 2.7 * OBJECTS[0]
    torch.testing.assert_close(tracker._memory(tracker.tracks[0]), expected)
    tracker.temporal_memory = False
    expected = 0.8 * 3.0 + 0.2 * (0.8 * 1.0 + 0.2 * 5.0)
    torch.testing.assert_close(tracker._memory(tracker.tracks[0]), expected * OBJECTS[0])


def test_one_tracker_follows_one_video():
    first, second = MemoryBankTracker(), MemoryBankTracker()
    see(first, 0, 1)
    assert see(second, 2) == [0] and len(second.tracks) == 1
    with pytest.raises(TypeError):
        MemoryBankTracker(memory=3)


# --- the log


def log_frames(*frames):
    log = TrackLog()
    for names in frames:
        log.add(list(names), torch.full((len(names), 2), 0.5), [f'mask {n}' for n in names])
    return log


def test_short_tracks_are_noise_from_the_tenth_frame_on():
    assert list(log_frames(*[[0, 1]] * 2, *[[0]] * 7).tracks) == [0, 1]
    assert list(log_frames(*[[0, 1]] * 2, *[[0]] * 8).tracks) == [0]
    assert list(log_frames(*[[0, 1]] * 3, *[[0]] * 8).tracks) == [0, 1]
    # seen in one of the last two frames
    assert list(log_frames(*[[0]] * 9, [1], [0]).tracks) == [0, 1]
    assert list(log_frames(*[[0]] * 9, [1], [0], [0]).tracks) == [0]


def test_a_removed_track_starts_anew():
    log = log_frames([1], *[[0]] * 9, [1, 0])
    assert list(log.tracks) == [0, 1]
    assert log.tubes()[1] == [None] * 10 + ['mask 1']


def test_results_of_a_track():
    log = TrackLog()
    for scores in ([0.1, 0.9], [0.2, 0.4]):
        log.add([7], torch.tensor([scores]), [None])
    results = log.results('mean', 0.12)
    assert results.tracks.tolist() == [0, 0] and results.columns.tolist() == [0, 1]
    torch.testing.assert_close(results.scores, torch.tensor([0.15, 0.65]).double())
    best = log.results('max', None)
    assert best.columns.tolist() == [1] and best.scores.tolist() == [pytest.approx(0.9)]
    assert not len(TrackLog().results('mean', 0.1).scores)


# --- both, on frames


def test_nothing_is_lost_while_an_object_is_out_of_sight():
    """Ids, null masks and scores of a video of 120 frames in which one object is away for 100."""
    settings = dict(IDOL.TEST_DEFAULTS)
    competing = torch.ones(2, dtype=torch.bool)
    state = TrackState(
        EvaluationSpace(CategoryContext(competing[None]), competing, torch.arange(2)),
        (32, 48), MemoryBankTracker(max_unseen=200), img_shape=(32, 48))
    for frame in range(120):
        seen = [0, 1] if frame < 10 or frame >= 110 else [1]
        logits = torch.tensor([[3.0, -9.0], [-9.0, 2.0]])[seen]
        boxes = torch.tensor([[0.1, 0.5, 0.2, 0.5], [0.5, 0.5, 0.2, 0.5]])[seen]
        embeds, masks = OBJECTS[seen], boxes_of(*seen).float() - 0.5
        link_frame(logits, boxes, lambda chosen, e=embeds, m=masks: (e[chosen], m[chosen]), state,
                   settings)
    result = collect_tracks(state, settings)
    assert result.labels.tolist() == [0, 1]
    torch.testing.assert_close(result.scores, torch.tensor([3.0, 2.0]).sigmoid())
    away = [frame for frame, mask in enumerate(result.tubes[0]) if mask is None]
    assert away == list(range(10, 110)) and None not in result.tubes[1]
