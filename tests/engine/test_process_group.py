"""What processes of a run share, and what is told when they don't."""

import pytest
import torch.distributed
from mmengine.evaluator import BaseMetric

from mmtmt.engine import process_group
from mmtmt.engine.config_check import ConfigError


class Metric(BaseMetric):
    """Measures nothing."""

    def process(self, data_batch, data_samples):
        """Nothing."""

    def compute_metrics(self, results):
        """Nothing."""
        return {}


@pytest.fixture
def group(tmp_path):
    """A group of one process."""
    store = f'file://{tmp_path / "store"}'
    torch.distributed.init_process_group('gloo', init_method=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_metrics_gather_in_folders_of_their_own(group, tmp_path):
    metrics = [Metric(), Metric(), Metric(collect_dir='mine'), Metric(collect_device='gpu')]
    process_group.gather_in(tmp_path / 'run', metrics)
    folder = tmp_path / 'run/gathered'
    assert folder.is_dir()
    assert [metric.collect_dir for metric in metrics] == [
        str(folder / '0'), str(folder / '1'), 'mine', None
    ]  # fmt: skip


def test_one_process_needs_no_folder(tmp_path):
    metric = Metric()
    process_group.gather_in(tmp_path / 'run', [metric])
    assert metric.collect_dir is None and not (tmp_path / 'run').exists()


def test_folder_that_is_not_shared_is_told_before_the_test(group, tmp_path, monkeypatch):
    monkeypatch.setattr(process_group, 'all_gather_object', lambda seen: [seen, False, seen])
    with pytest.raises(ConfigError, match='run.* is not seen by 1 of 3 processes'):
        process_group.gather_in(tmp_path / 'run', [Metric()])
