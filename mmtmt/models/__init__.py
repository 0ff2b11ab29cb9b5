"""Models: from clips to instances."""
from .backbones import *  # noqa: F403
from .data_preprocessors import *  # noqa: F403
from .decoders import *  # noqa: F403
from .heads import *  # noqa: F403
from .losses import *  # noqa: F403
from .necks import *  # noqa: F403
from .task_modules import *  # noqa: F403
from .taxonomy_modules import *  # noqa: F403
from .vis import *  # noqa: F403
