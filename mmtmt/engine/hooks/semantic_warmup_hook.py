"""A first stretch of training with the auxiliary loss alone."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmtmt.registry import HOOKS


@HOOKS.register_module()
class SemanticWarmupHook(Hook):
    """Lets the first iterations train backbone and pixel decoder by the SemanticHead alone.

    From random weights, the gradients of the mask losses drown those of the classes for thousands
    of iterations; after a short warm-up the features tell classes apart, and the queries learn
    both at once. Training continues where it stopped after a resume. In distributed training the
    parameters that take no part need ``find_unused_parameters=True``.

    Args:
        num_iters: Iterations of the warm-up.
    """

    def __init__(self, num_iters: int) -> None:
        if num_iters < 1:
            raise ValueError(f'num_iters: expected at least 1, got {num_iters}')
        self.num_iters = num_iters

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Switch the other losses off or on.

        Args:
            runner: The runner.
            batch_idx: Not used.
            data_batch: Not used.

        Raises:
            ValueError: If the model has no auxiliary head.
        """
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if model.auxiliary_head is None:
            raise ValueError('SemanticWarmupHook needs a model with an auxiliary_head')
        model.auxiliary_only = runner.iter < self.num_iters
