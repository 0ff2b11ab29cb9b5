"""Queries keep their identity over time."""
import torch

from mmtmt.models.trackers import match_frames


def shuffled_video(num_frames, num_queries=12, noise=0.05, seed=0):
    """Embeddings of queries that keep their direction, in another order in each frame.

    Returns:
        (T, Q, C) embeddings and (T, Q), the object of each query; frame 0 is in order.
    """
    generator = torch.Generator().manual_seed(seed)
    objects = torch.randn(num_queries, 16, generator=generator)
    orders = torch.stack([torch.arange(num_queries)] + [
        torch.randperm(num_queries, generator=generator) for _ in range(num_frames - 1)])
    size = 0.5 + torch.rand(num_frames, num_queries, 1, generator=generator)  # cosine ignores it
    jitter = noise * torch.randn(num_frames, num_queries, 16, generator=generator)
    return size * (objects[orders] + jitter), orders


def test_the_objects_of_shuffled_frames_are_found():
    frames, orders = shuffled_video(20)
    found = match_frames(None, frames)
    assert torch.equal(orders.gather(1, found), torch.arange(12).expand(20, -1))


def test_frames_at_once_equal_frame_by_frame():
    frames = torch.randn(9, 12, 16, generator=torch.Generator().manual_seed(1))
    expected, previous = [torch.arange(12)], frames[0]
    for frame in frames[1:]:
        expected.append(match_frames(previous, frame[None])[0])
        previous = frame[expected[-1]]
    assert torch.equal(match_frames(None, frames), torch.stack(expected))
    # in portions, each going on from the reordered queries of the one before
    first = match_frames(None, frames[:4])
    rest = match_frames(frames[3][first[3]], frames[4:])
    assert torch.equal(torch.cat((first, rest)), torch.stack(expected))


def test_an_object_that_disappears_for_100_frames_keeps_its_query():
    # While object 0 is away its query drifts into noise that resembles no other object; it is
    # linked by elimination, so that the query stays its own until the object is back.
    frames, orders = shuffled_video(140)
    away = slice(20, 120)
    generator = torch.Generator().manual_seed(2)
    frames[away][orders[away] == 0] = 0.3 * torch.randn(100, 16, generator=generator)
    found = match_frames(None, frames)
    assert torch.equal(orders.gather(1, found), torch.arange(12).expand(140, -1))
