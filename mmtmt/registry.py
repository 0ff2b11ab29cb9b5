"""Child registries of mmengine's, scope ``mmtmt``.

Modules that use mmdet import this one first: the fixes of :mod:`mmtmt.utils.compat` have to be in
place before mmdet is imported for the first time.
"""

from mmtmt.utils import compat

compat.install()

# The fixes above come before the first import of mmengine's runner and of mmdet.
from mmengine import registry as _mmengine  # noqa: E402
from mmengine.config.utils import MODULE2PACKAGE  # noqa: E402
from mmengine.registry import Registry  # noqa: E402

# mmengine resolves `mmtmt::folder/file.py` in configs for the packages listed here only.
MODULE2PACKAGE.setdefault('mmtmt', 'mmtmt')


def _child(parent: Registry, *locations: str) -> Registry:
    """Make the child registry ``mmtmt`` of one of mmengine's.

    Args:
        parent: The registry of mmengine to extend.
        *locations: Modules imported before the first look-up, so that what they define is known.

    Returns:
        The child.
    """
    return Registry(
        parent.name, parent=parent, scope='mmtmt', locations=[f'mmtmt.{name}' for name in locations]
    )


RUNNERS = _child(_mmengine.RUNNERS, 'engine')
RUNNER_CONSTRUCTORS = _child(_mmengine.RUNNER_CONSTRUCTORS, 'engine')
LOOPS = _child(_mmengine.LOOPS, 'engine')
HOOKS = _child(_mmengine.HOOKS, 'engine')
LOG_PROCESSORS = _child(_mmengine.LOG_PROCESSORS, 'engine')
STRATEGIES = _child(_mmengine.STRATEGIES, 'engine')
OPTIMIZERS = _child(_mmengine.OPTIMIZERS, 'engine')
OPTIM_WRAPPERS = _child(_mmengine.OPTIM_WRAPPERS, 'engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child(_mmengine.OPTIM_WRAPPER_CONSTRUCTORS, 'engine')
PARAM_SCHEDULERS = _child(_mmengine.PARAM_SCHEDULERS, 'engine')

DATASETS = _child(_mmengine.DATASETS, 'datasets')
DATA_SAMPLERS = _child(_mmengine.DATA_SAMPLERS, 'datasets')
TRANSFORMS = _child(_mmengine.TRANSFORMS, 'datasets')
ANNOTATION_READERS = Registry(
    'annotation reader', scope='mmtmt', locations=['mmtmt.datasets.conversion']
)
ANNOTATION_WRITERS = Registry(
    'annotation writer', scope='mmtmt', locations=['mmtmt.datasets.conversion']
)

MODELS = _child(_mmengine.MODELS, 'models')
MODEL_WRAPPERS = _child(_mmengine.MODEL_WRAPPERS, 'models')
WEIGHT_INITIALIZERS = _child(_mmengine.WEIGHT_INITIALIZERS, 'models')
TASK_UTILS = _child(_mmengine.TASK_UTILS, 'models')
FUNCTIONS = _child(_mmengine.FUNCTIONS, 'models')

METRICS = _child(_mmengine.METRICS, 'evaluation.metrics')
EVALUATOR = _child(_mmengine.EVALUATOR, 'evaluation.metrics')

VISUALIZERS = _child(_mmengine.VISUALIZERS, 'visualization')
VISBACKENDS = _child(_mmengine.VISBACKENDS, 'visualization')
INFERENCERS = _child(_mmengine.INFERENCERS, 'apis')
