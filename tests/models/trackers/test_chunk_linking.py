"""Chunks of a long video: how it is cut, and how their queries are linked."""
import pytest
import torch

from mmtmt.models.trackers import ChunkLinker, chunk_length
from mmtmt.models.trackers.chunk_linking import shared_overlaps


@pytest.mark.parametrize('overlap', [0, 1, 3, 4])
@pytest.mark.parametrize('longest', [8, 9])
def test_chunks_cover_the_video_and_are_equal(longest, overlap):
    for frames in range(1, 80):
        length = chunk_length(frames, longest, overlap)
        assert length <= longest
        if frames <= longest:
            assert length == frames
            continue
        starts = range(0, frames - overlap, length - overlap)
        assert starts[-1] + overlap < frames <= starts[-1] + length  # the last one has a frame
        fewest = -(-(frames - overlap) // (longest - overlap))
        assert len(starts) <= fewest
        assert chunk_length(frames, longest, overlap, unit=3) == -(-length // 3) * 3


def squares(places, size=8):
    """(N, C) embeddings and (1, C, size, size) features whose products are squares at places."""
    features = torch.zeros(1, len(places) + 1, size, size)
    features[:, -1] = -1
    for index, (row, column) in enumerate(places):
        features[0, index, row:row + 3, column:column + 3] = 2
    return torch.cat((torch.eye(len(places)), torch.ones(len(places), 1)), dim=1), features


def test_overlaps_are_those_of_the_masks():
    embeds, features = squares([(0, 0), (0, 2), (5, 5)])
    nothing = -torch.ones(1, 4) * torch.tensor([0, 0, 0, -1])
    found = shared_overlaps(embeds, torch.cat((embeds, nothing)), features.repeat(2, 1, 1, 1))
    expected = torch.tensor([[1, 3 / 15, 0, 0], [3 / 15, 1, 0, 0], [0, 0, 1, 0]])
    torch.testing.assert_close(found, expected)
    # frames add up before the division: 9 of 9 + 9 pixels, where the second frame shows one alone
    other = features.clone()
    other[0, 0] = 0
    found = shared_overlaps(embeds[:1], embeds[1:2], torch.cat((features, other)))
    torch.testing.assert_close(found, torch.tensor([[3 / (9 + 9 + 9 - 3)]]))


def test_masks_decide_where_queries_look_alike():
    # objects that resemble each other, in another order, with queries that tell little
    generator = torch.Generator().manual_seed(0)
    embeds, features = squares([(0, 0), (0, 4), (4, 0), (4, 4)])
    queries = torch.ones(4, 16) + 0.3 * torch.randn(4, 16, generator=generator)
    for _ in range(5):
        order = torch.randperm(4, generator=generator)
        again = torch.ones(4, 16) + 0.3 * torch.randn(4, 16, generator=generator)
        linker = ChunkLinker()
        assert torch.equal(linker.link(queries, embeds), torch.arange(4))
        found = linker.link(again[order], embeds[order], features)
        assert torch.equal(order[found], torch.arange(4))
        assert torch.equal(linker.mask_embeds, embeds)


@pytest.mark.parametrize('shared', [0, 1])
def test_queries_decide_where_nothing_is_seen(shared):
    generator = torch.Generator().manual_seed(1)
    embeds, features = squares([(0, 0), (0, 4), (4, 0), (4, 4)])
    queries, order = torch.randn(4, 16, generator=generator), torch.tensor([2, 0, 3, 1])
    linker = ChunkLinker()
    linker.link(queries, -embeds)
    found = linker.link(queries[order], -embeds[order], features[:shared])
    assert torch.equal(order[found], torch.arange(4))


def test_an_object_away_for_many_chunks_keeps_its_query():
    # 100 frames of chunks that share 4 of 20: its query drifts into noise without a mask and is
    # linked by elimination, until the object is back somewhere else
    generator = torch.Generator().manual_seed(2)
    embeds, features = squares([(0, 0), (0, 4), (4, 0), (4, 4)])
    queries = torch.randn(4, 16, generator=generator)
    linker = ChunkLinker()
    linker.link(queries, embeds)
    for chunk in range(8):
        order = torch.randperm(4, generator=generator)
        now, masks = queries.clone(), embeds.clone()
        if chunk < 7:
            now[0] = 0.3 * torch.randn(16, generator=generator)
            masks[0] = -masks[0]
        found = linker.link(now[order], masks[order], features)
        assert torch.equal(order[found], torch.arange(4))
