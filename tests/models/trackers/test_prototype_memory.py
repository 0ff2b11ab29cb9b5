"""What an instance reads from the clips before."""
import pytest
import torch

from mmtmt.models.trackers import PrototypeMemory


def expected_read(prototypes, asked, offsets):
    """From (M, B, Q, C), one query after the other."""
    read = torch.zeros_like(asked)
    for sample in range(asked.shape[0]):
        for query in range(asked.shape[1]):
            past = prototypes[:, sample, query]
            weights = (past @ asked[sample, query] + offsets[sample, query]).softmax(0)
            read[sample, query] = weights @ past
    return read


@pytest.mark.parametrize('grad', [True, False])
@pytest.mark.parametrize('longest', [None, 1, 3, 30])
def test_reads_only_its_own_past(grad, longest):
    memory = PrototypeMemory()
    prototypes, asked = torch.randn(40, 2, 5, 8), torch.randn(2, 5, 8)
    with torch.set_grad_enabled(grad):
        for count, prototype in enumerate(prototypes, start=1):
            memory.append(torch.full((2, 5, 8), float(count)), prototype, longest)
            kept = prototypes[:count][-(longest or count):]
            assert len(memory) == len(kept) and memory.queries[0, 0, 0] == count
            offsets = torch.randn(2, 5)
            torch.testing.assert_close(
                memory.read(asked, offsets), expected_read(kept, asked, offsets))


def test_gradients_reach_all_clips():
    memory = PrototypeMemory()
    prototypes = torch.randn(4, 1, 2, 8, requires_grad=True)
    total = 0
    for prototype in prototypes:
        memory.append(prototype, prototype, 3)
        total = total + memory.read(torch.ones(1, 2, 8), torch.zeros(1, 2)).square().sum()
    total.backward()
    assert prototypes.grad.flatten(1).any(1).all()


def test_a_long_video_costs_no_copy_of_its_past_per_clip():
    memory, buffers = PrototypeMemory(), set()
    with torch.no_grad():
        for _ in range(200):
            memory.append(*torch.zeros(2, 1, 2, 4))
            buffers.add(memory.prototypes.data_ptr())
    assert len(buffers) <= 6 and len(memory) == 200
