"""The training loop that resumes exactly."""

import random

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.logging import print_log
from mmengine.runner.loops import IterBasedTrainLoop as _IterBasedTrainLoop
from mmengine.runner.loops import _InfiniteDataloaderIterator

from mmtmt.datasets.samplers import (
    batch_size_of,
    can_start_at,
    innermost_sampler,
    start_loader_at,
)
from mmtmt.registry import LOOPS

# Values of a loss that are kept to average over, the newest ones.
MOST_VALUES = 10_000
# What the message hub calls the seed that the training data are drawn with.
SAMPLER_SEED = 'sampler_seed'
# What tells how many samples were drawn: [iteration, how many until then, how many a step since].
SAMPLES = 'samples'


@LOOPS.register_module()
class IterBasedTrainLoop(_IterBasedTrainLoop):
    """mmengine's loop, which resumes by drawing and throwing away every batch that was trained on.

    Here the sampler starts at the iteration instead: one with ``set_start``, see
    :func:`mmtmt.datasets.start_loader_at`, costs nothing, however late the resume. And the
    random numbers of an iteration (points that losses look at, dropout) follow from the seed,
    the iteration and the rank alone, so that a run that was interrupted continues exactly as it
    would have. Within the scope ``mmtmt`` this class is what the name ``IterBasedTrainLoop``
    means, and what ``by_epoch=False`` builds. The arguments are mmengine's.
    """

    def run(self) -> torch.nn.Module:
        """Train.

        Returns:
            The model.
        """
        runner = self.runner
        runner.call_hook('before_train')
        runner.call_hook('before_train_epoch')
        self._start_data()
        try:
            if self._iter == self._max_iters and self._time_to_validate():
                # the last checkpoint is written before the validation, which may have been cut off
                print_log('the training has ended; validating', 'current')
                runner.val_loop.run()
            self._train(runner)
        finally:
            # Workers end here, not when the garbage collector finds the runner's cycles: there
            # each took 5 s, and their memory is wanted for tests in the same process.
            self.dataloader_iterator = self.dataloader._iterator = None
        runner.call_hook('after_train_epoch')
        runner.call_hook('after_train')
        return runner.model

    def _train(self, runner) -> None:
        while self._iter < self._max_iters and not self.stop_training:
            runner.model.train()
            batch = next(self.dataloader_iterator)
            seed_everything(runner.seed, self._iter, get_rank())
            self.run_iter(batch)
            self._forget_old_values()
            self._decide_current_val_interval()
            if self._time_to_validate():
                runner.val_loop.run()

    def _forget_old_values(self) -> None:
        # mmengine keeps a million values of each loss and copies all of them in every iteration
        for history in self.runner.message_hub.log_scalars.values():
            history.max_length = MOST_VALUES

    def _time_to_validate(self) -> bool:
        if self.runner.val_loop is None or self._iter < self.val_begin:
            return False
        return self._iter % self.val_interval == 0 or self._iter == self._max_iters

    def _start_data(self) -> None:
        hub = self.runner.message_hub
        own = getattr(innermost_sampler(self.dataloader), 'seed', None)
        if self._iter == 0:
            # Checkpoints hold it: where the config states none, it is drawn anew by each run.
            hub.update_info(SAMPLER_SEED, own)
            hub.update_info(SAMPLES, [0, 0, self._samples_per_step()])
            return
        if can_start_at(self.dataloader):
            seed = hub.get_info(SAMPLER_SEED, self.runner.seed)
            if seed != own:
                print_log(f'the data go on with the seed {seed} of the run, not {own}', 'current')
            start_loader_at(self.dataloader, self._steps_drawn(), seed=seed)
            # The iterator that exists has drawn from the beginning already: end its workers.
            self.dataloader_iterator = None
            self.dataloader_iterator = _InfiniteDataloaderIterator(self.dataloader)
            print_log(f'the data continue at iteration {self._iter}', 'current')
            return
        print_log(
            f'{type(self.dataloader.sampler).__name__} has no set_start: reading '
            f'{self._iter} batches to get where the run was interrupted',
            'current',
        )
        for _ in range(self._iter):
            next(self.dataloader_iterator)

    def _samples_per_step(self) -> int:
        return batch_size_of(self.dataloader) * get_world_size()

    def _steps_drawn(self) -> int:
        """Steps of this run that take as many samples as were drawn before, by processes or with
        batches of another number perhaps."""
        hub, now = self.runner.message_hub, self._samples_per_step()
        iteration, samples, before = hub.get_info(SAMPLES, [0, 0, now])
        if before == now and not samples:
            return self._iter
        drawn = samples + (self._iter - iteration) * before
        if before != now:
            print_log(f'{drawn} samples were drawn, {before} a step; now {now} are', 'current')
            hub.update_info(SAMPLES, [self._iter, drawn, now])
        return -(-drawn // now)


def seed_everything(seed: int, iteration: int, rank: int) -> None:
    """Seed Python, NumPy and PyTorch for one iteration.

    Args:
        seed: The run's seed.
        iteration: Number of the iteration.
        rank: Rank of this process.
    """
    drawn = np.random.SeedSequence([seed or 0, iteration, rank]).generate_state(2)
    random.seed(int(drawn[0]))
    np.random.seed(int(drawn[0]))
    torch.manual_seed(int(drawn[1]))
