"""What an instance reads from the clips before."""
import torch

from mmtmt.models.trackers import PrototypeMemory


def test_reads_only_its_own_past():
    memory = PrototypeMemory()
    keys, values = torch.randn(3, 2, 5, 8), torch.randn(3, 2, 5, 8)
    for key, value in zip(keys, values):
        memory.append(torch.zeros(2, 5, 8), key, value)
    asked = torch.randn(2, 5, 8)
    read = memory.read(asked)
    for sample in range(2):
        for query in range(5):
            weights = (keys[:, sample, query] @ asked[sample, query]).softmax(0)
            expected = weights @ values[:, sample, query]
            torch.testing.assert_close(read[sample, query], expected)


def test_keeps_the_latest():
    memory = PrototypeMemory()
    for clip in range(4):
        content = torch.full((1, 1, 2), float(clip))
        memory.append(content, content, -content, longest=2)
    assert memory.keys[0, 0, :, 0].tolist() == [2.0, 3.0]
    assert memory.values[0, 0, :, 0].tolist() == [-2.0, -3.0]
    assert memory.queries[0, 0, 0] == 3.0
