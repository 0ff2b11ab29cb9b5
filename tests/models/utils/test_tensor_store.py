"""Rows come back as they were written, from memory and from a file."""
import pytest
import torch

from mmtmt.models.utils import TensorStore


@pytest.mark.parametrize('limit', [0, 7, 100])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.int16])
def test_rows_come_back(monkeypatch, limit, dtype):
    monkeypatch.setattr(TensorStore, 'limit', limit)
    store, rows = TensorStore(), torch.randn(20, 3, 5).mul(100).to(dtype)
    for part in rows.split((1, 4, 0, 9, 6)):
        store.append(part)
    assert len(store) == 20
    for start, stop in ((0, 20), (3, 11), (19, 20), (5, 5)):
        found = store.read(start, stop)
        assert found.dtype == dtype and torch.equal(found, rows[start:stop])
    store.write(6, -rows[6:9])
    rows[6:9] *= -1
    assert torch.equal(store.read(0, 20), rows)
    store.append(rows[:2])
    assert torch.equal(store.read(18, 22), torch.cat((rows[18:], rows[:2])))


def test_what_is_read_is_a_copy(monkeypatch):
    for limit in (0, 100):
        monkeypatch.setattr(TensorStore, 'limit', limit)
        store = TensorStore()
        store.append(torch.zeros(2, 3))
        store.read(0, 2).fill_(1)
        assert not store.read(0, 2).any()
