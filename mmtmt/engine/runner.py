"""The runner: mmengine's, with checkpoints of plain data, exact resume and CPU processes."""

import copy
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.dist import broadcast_object_list, master_only
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmengine.runner import CheckpointLoader, EpochBasedTrainLoop
from mmengine.runner import Runner as _Runner
from mmengine.runner import save_checkpoint as save_through_backend

import mmtmt
from mmtmt.datasets import ConcatDataset, VideoInstanceDataset
from mmtmt.datasets.samplers import can_start_at, innermost_sampler
from mmtmt.engine.checkpoint import (
    CheckpointError,
    find_latest_checkpoint,
    save_checkpoint,
)
from mmtmt.engine.config_check import ConfigError, check_model_config, config_mistakes
from mmtmt.engine.loops import IterBasedTrainLoop
from mmtmt.engine.plain_data import restore_history, to_plain
from mmtmt.engine.pretrained import check_pretrained
from mmtmt.engine.process_group import check_seen_by_all, gather_in, start_gloo
from mmtmt.engine.vocabulary_check import (
    check_metrics,
    check_test_vocabularies,
    check_vocabularies,
)
from mmtmt.engine.weights import load_into, remap_taxonomy, strip_ddp_prefix
from mmtmt.registry import RUNNERS


@RUNNERS.register_module()
class VISRunner(_Runner):
    """mmengine's Runner with the differences that this project relies on.

    - Checkpoints hold plain data only, are replaced in one step, and carry the model's taxonomy.
    - A resume continues the schedule, the data and the random numbers exactly, but for gradients
      that were being accumulated over several iterations; a resume and a test demand a checkpoint
      that fits the model in every entry.
    - Training iterations use :class:`mmtmt.engine.loops.IterBasedTrainLoop`.
    - ``launcher='pytorch'`` works on machines without a GPU, over gloo.
    - Misspelt types and arguments in the config are named before anything is built, and datasets
      whose vocabulary is not what the model knows by its name before anything is trained.
    - Predictions for hidden ground truth go to ``predictions`` in the work directory, unless the
      metric's ``outfile_prefix`` says otherwise.

    Args are mmengine's, plus ``cfg.strict_load`` (default False): whether ``load_from`` demands a
    checkpoint that fits in every entry; and ``cfg.allow_unexpected`` (default none): with what the
    names of those entries begin that a checkpoint of ``load_from`` may have beside the model's, or
    True for any. What the model has and the checkpoint lacks starts fresh, with a warning.
    """

    @classmethod
    def from_cfg(cls, cfg: Any) -> 'VISRunner':
        """Build a runner from a config, after a look for misspelt names.

        Args:
            cfg: A config with mmengine's keys; ``default_scope`` is ``mmtmt`` when it says nothing.

        Returns:
            The runner.

        Raises:
            ConfigError: If a name is misspelt, a value is wrong, or there is no model.
        """
        cfg = copy.deepcopy(cfg)
        cfg.setdefault('default_scope', 'mmtmt')
        cfg.setdefault('work_dir', 'work_dirs/default')
        # A stage of the training may leave out a part of the model; processes would wait for its
        # gradients. Looking for such parts costs milliseconds a step.
        cfg.setdefault('find_unused_parameters', True)
        check_model_config(cfg)
        for evaluator in (cfg.get('val_evaluator'), cfg.get('test_evaluator')):
            for metric in evaluator if isinstance(evaluator, (list, tuple)) else [evaluator]:
                if isinstance(metric, dict) and metric.get('format_only'):
                    metric.setdefault('outfile_prefix', f'{cfg["work_dir"]}/predictions')
        with config_mistakes():
            return super().from_cfg(cfg)

    # --- processes on machines without a GPU

    def setup_env(self, env_cfg: dict) -> None:
        """Set up the environment; without CUDA the processes talk over gloo.

        Args:
            env_cfg: As in mmengine.
        """
        on_cpu = not torch.cuda.is_available()
        if self.distributed and on_cpu and self.launcher == 'pytorch':
            start_gloo(env_cfg.get('dist_cfg', {}).get('timeout'))
        super().setup_env(env_cfg)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: torch.nn.Module) -> torch.nn.Module:
        """Wrap the model for several processes; on the CPU without device ids.

        Args:
            model_wrapper_cfg: As in mmengine.
            model: The model.

        Returns:
            The model, wrapped when there are several processes.
        """
        if not self.distributed or torch.cuda.is_available() or is_model_wrapper(model):
            return super().wrap_model(model_wrapper_cfg, model)
        options = dict(model_wrapper_cfg or {})
        options.pop('type', None)
        options.setdefault('find_unused_parameters', self.cfg.get('find_unused_parameters', False))
        return MMDistributedDataParallel(module=model, broadcast_buffers=False, **options)

    # They are built in `train`: a wrong value in their configs is named as such.
    build_optim_wrapper = config_mistakes()(_Runner.build_optim_wrapper)
    build_param_scheduler = config_mistakes()(_Runner.build_param_scheduler)

    def _init_model_weights(self) -> None:
        super()._init_model_weights()
        check_pretrained(_unwrapped(self.model))

    # --- loops

    def build_train_loop(self, loop: Any) -> Any:
        """Build the training loop; ``by_epoch=False`` means the one that resumes exactly.

        Args:
            loop: As in mmengine.

        Returns:
            The loop.

        Raises:
            ConfigError: If a backbone computes its activations twice to save memory while DDP
                looks for unused parameters, from which that hides its own; or if epochs of a
                sampler without an end are wanted.
        """
        twice = any(getattr(module, 'with_cp', False) for module in self.model.modules())
        if self.distributed and twice and self.cfg.get('find_unused_parameters'):
            raise ConfigError(
                'with_cp=True needs find_unused_parameters=False in several processes; recipes '
                'with a SemanticWarmupHook, which leaves parameters unused, can not have it'
            )
        with config_mistakes():
            if isinstance(loop, dict) and loop.get('by_epoch') is False:
                options = {key: value for key, value in loop.items() if key != 'by_epoch'}
                loop = IterBasedTrainLoop(runner=self, dataloader=self._train_dataloader, **options)
            loop = super().build_train_loop(loop)
        self._check_sampler(loop)
        check_vocabularies(_unwrapped(self.model), loop.dataloader.dataset)
        return loop

    def _check_sampler(self, loop: Any) -> None:
        """Refuse a first epoch without an end, and warn of augmentation that repeats itself."""
        sampler = innermost_sampler(loop.dataloader)
        name, endless = type(sampler).__name__, can_start_at(loop.dataloader)
        if endless and isinstance(loop, EpochBasedTrainLoop):
            raise ConfigError(
                f'{name} has no end, and so no epochs: expected train_cfg with by_epoch=False and '
                'max_iters'
            )
        datasets = (ConcatDataset, VideoInstanceDataset)
        if not endless and isinstance(loop.dataloader.dataset, datasets):
            self.logger.warning(
                f'{name} draws plain indices: a video gives the same frames, crops and colours '
                'each time. RatioSampler gives others'
            )

    def build_val_loop(self, loop: Any) -> Any:
        """Build the validation loop and check its vocabularies.

        Args:
            loop: As in mmengine.

        Returns:
            The loop.
        """
        with config_mistakes():
            return self._checked(super().build_val_loop(loop))

    def build_test_loop(self, loop: Any) -> Any:
        """Build the test loop and check its vocabularies.

        Args:
            loop: As in mmengine.

        Returns:
            The loop.
        """
        with config_mistakes():
            return self._checked(super().build_test_loop(loop))

    def _checked(self, loop: Any) -> Any:
        dataset = loop.dataloader.dataset
        check_test_vocabularies(_unwrapped(self.model), dataset)
        check_metrics(loop.evaluator.metrics, dataset)
        gather_in(self.log_dir, loop.evaluator.metrics)  # of this run alone
        return loop

    # --- checkpoints

    @master_only
    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict | None = None,
        by_epoch: bool = True,
        backend_args: dict | None = None,
    ) -> None:
        """Save the whole state of the run as plain data.

        Args:
            out_dir: Folder.
            filename: Name in it.
            file_client_args: mmengine's former name of ``backend_args``.
            save_optimizer: Whether to store the optimizer's state.
            save_param_scheduler: Whether to store the schedulers' state.
            meta: More to store beside what is known.
            by_epoch: Whether an epoch has ended, or an iteration.
            backend_args: mmengine's file backend for storage that is not a local disk.
        """
        checkpoint = {
            'meta': self._meta(meta or {}, by_epoch),
            'state_dict': _unwrapped(self.model).state_dict(),
            'message_hub': self.message_hub.state_dict(),
        }
        if save_optimizer:
            checkpoint['optimizer'] = self.optim_wrapper.state_dict()
        if save_param_scheduler and self.param_schedulers is not None:
            checkpoint['param_schedulers'] = _map_schedulers(self.param_schedulers, _state_of)
        # Hooks swap entries between the two sets of weights: they get copies of the dicts.
        checkpoint = to_plain(checkpoint)
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        if file_client_args is None and backend_args is None and '://' not in out_dir:
            save_checkpoint(checkpoint, Path(out_dir) / filename)
        else:
            path = f'{out_dir}/{filename}'
            save_through_backend(to_plain(checkpoint), path, file_client_args, backend_args)

    @functools.cached_property
    def _config_text(self) -> str:
        return self.cfg.pretty_text  # takes a tenth of a second and more

    def _meta(self, meta: dict, by_epoch: bool) -> dict:
        known = {
            'epoch': self.epoch + 1 if by_epoch else self.epoch,
            'iter': self.iter if by_epoch else self.iter + 1,
            'cfg': self._config_text,
            'seed': self.seed,
            'experiment_name': self.experiment_name,
            'time': time.strftime('%Y%m%d_%H%M%S', time.localtime()),
            'mmengine_version': mmengine.__version__,
            'mmtmt_version': mmtmt.__version__,
        }
        # mmengine's resume compares this entry with the dataset that it finds.
        if hasattr(self.train_dataloader.dataset, 'metainfo'):
            known['dataset_meta'] = self.train_dataloader.dataset.metainfo
        model = _unwrapped(self.model)
        known['model'] = type(model).__name__
        if hasattr(model, 'taxonomy_state'):
            known['taxonomy'] = model.taxonomy_state()
        return {**known, **meta}

    def load_checkpoint(
        self,
        filename: str,
        map_location: str | Callable = 'cpu',
        strict: bool = False,
        revise_keys: list | None = None,
    ) -> dict:
        """Load weights, reordering class rows when the union of categories differs.

        Args:
            filename: Path or address of the checkpoint.
            map_location: As in :func:`torch.load`.
            strict: Demand a checkpoint that fits the model in every entry.
            revise_keys: Not supported; mmengine's default, the prefix of DDP, is always removed.

        Returns:
            The checkpoint.
        """
        if revise_keys:
            raise ValueError(f'revise_keys is not supported, got {revise_keys}')
        checkpoint = CheckpointLoader.load_checkpoint(filename, map_location)
        model = _unwrapped(self.model)
        if 'state_dict' not in checkpoint:
            checkpoint = {'state_dict': checkpoint}
        strip_ddp_prefix(checkpoint)  # hooks look at the names too
        strict = strict or self.cfg.get('strict_load', False)
        if remap_taxonomy(model, checkpoint, strict, filename) and self._resume:
            raise CheckpointError(
                f'{filename} was trained on another union of categories, so its optimizer state '
                'does not fit. Start from its weights with load_from instead'
            )
        if 'message_hub' in checkpoint:
            checkpoint['message_hub'] = restore_history(checkpoint['message_hub'])
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        load_into(
            model,
            checkpoint,
            strict or self._resume,
            source=filename,
            allow_unexpected=self.cfg.get('allow_unexpected', ()),
        )
        self._has_loaded = True
        return checkpoint

    def load_or_resume(self) -> None:
        """Load or resume as the config says.

        ``resume='auto'``, or ``resume=True`` without ``load_from``, goes on from the newest
        checkpoint of the work directory. Where there is none the run begins, from the weights of
        ``load_from`` if the config has it.
        """
        newest_wanted = self._resume == 'auto' or (self._resume and self._load_from is None)
        if newest_wanted and not self._has_loaded:
            found = [find_latest_checkpoint(self.work_dir)]
            broadcast_object_list(found)  # one decision for all processes
            newest = found[0]
            if isinstance(newest, Path):
                check_seen_by_all(newest)
            self._resume = newest is not None
            if newest is not None:
                self._load_from = str(newest)
            else:
                weights = f' with the weights of {self._load_from}' if self._load_from else ''
                self.logger.warning(
                    f'no checkpoint in {self.work_dir}: starting from the beginning{weights}'
                )
        super().load_or_resume()

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: str | Callable = 'cpu',
    ) -> None:
        """Continue the run that wrote a checkpoint.

        Args:
            filename: The checkpoint.
            resume_optimizer: Whether to take the state of the optimizer.
            resume_param_scheduler: Whether to take the state of the schedulers.
            map_location: As in :func:`torch.load`. By default the CPU, from which all parts copy
                what they want where they are: on the device a second model would stand beside the
                first, and the steps counted by optimizers would stay there and be waited for.
        """
        try:
            super().resume(filename, resume_optimizer, resume_param_scheduler, map_location)
        except KeyError as error:
            raise CheckpointError(
                f'{filename} holds no state of a run ({error} is missing), weights alone perhaps. '
                'Start from its weights with load_from instead of resuming'
            ) from error


def _unwrapped(model: torch.nn.Module) -> torch.nn.Module:
    return model.module if is_model_wrapper(model) else model


def _state_of(scheduler: Any) -> dict:
    # OneCycleLR counts a function among its state, which one built from the config has anyway.
    return {key: value for key, value in scheduler.state_dict().items() if not callable(value)}


def _map_schedulers(schedulers: Any, function: Callable) -> Any:
    if isinstance(schedulers, dict):
        return {name: [function(one) for one in group] for name, group in schedulers.items()}
    return [function(one) for one in schedulers]
