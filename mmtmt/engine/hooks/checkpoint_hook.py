"""Saving checkpoints without a moment in which none is there."""

import os
from typing import Any

from mmengine.hooks import CheckpointHook as _CheckpointHook

from mmtmt.engine.checkpoint import remove_unfinished
from mmtmt.registry import HOOKS


class _RemoveLater:
    """A file backend that notes what to delete instead of deleting it."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._noted: list[tuple[str, str]] = []

    def remove(self, path: str) -> None:
        self._noted.append(('remove', path))

    def rmtree(self, path: str) -> None:
        self._noted.append(('rmtree', path))

    def flush(self, folder: str, keep: set[str]) -> None:
        """Delete for real, except what was written anew under the same name or lies elsewhere.

        The best checkpoint of a run that is resumed into another folder stays where it is.
        """
        for action, path in self._noted:
            of_this_run = os.path.dirname(os.path.abspath(path)) == os.path.abspath(folder)
            if of_this_run and path not in keep:
                getattr(self._backend, action)(path)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


@HOOKS.register_module()
class CheckpointHook(_CheckpointHook):
    """mmengine's hook, which deletes an outdated checkpoint before it writes the new one.

    With ``max_keep_ckpts=1`` a kill or a full disk at that moment would leave nothing to resume
    from, so here the deletion comes last. The arguments are mmengine's. Within the scope ``mmtmt``
    this class is what the name ``CheckpointHook`` means.
    """

    def before_train(self, runner) -> None:
        super().before_train(runner)
        if self.file_client_args is None and self.backend_args is None:
            remove_unfinished(self.out_dir)

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        with _Deferral(self):
            super()._save_checkpoint_with_step(runner, step, meta)

    def _save_best_checkpoint(self, runner, metrics) -> None:
        with _Deferral(self):
            super()._save_best_checkpoint(runner, metrics)


class _Deferral:
    """Moves the deletions of a block to its end; an error in the block cancels them."""

    def __init__(self, hook: CheckpointHook) -> None:
        self.hook, self.backend = hook, hook.file_backend

    def __enter__(self) -> None:
        self.hook.file_backend = _RemoveLater(self.backend)

    def __exit__(self, kind, *_: Any) -> None:
        later, self.hook.file_backend = self.hook.file_backend, self.backend
        if kind is None:
            best = getattr(self.hook, 'best_ckpt_path_dict', {}).values()
            later.flush(
                self.hook.out_dir,
                {self.hook.last_ckpt, getattr(self.hook, 'best_ckpt_path', None), *best},
            )
