"""Generated video instance segmentation sets with conflicting taxonomies.

One world of kinds of objects, drawn as textured, articulated figures that move over moving
backgrounds, and three datasets of it that annotate different kinds, under different names, at
different granularity and density. The format is that of YouTube-VIS; the same options give the
same bytes.
"""

from .plan import SPLITS, SyntheticOptions, VideoPlan, plan_split
from .scene import SceneObject, draw_video
from .world import STYLES, annotated_names
from .writer import annotation_file, generate, is_generated

PRESETS: dict[str, SyntheticOptions] = {
    'demo': SyntheticOptions(
        train=80, valid=14, length=10, height=96, width=160, occlusion=0.6, difficulty=0.25,
        typical_colours=1.0,
    ),
    'tiny': SyntheticOptions(train=4, valid=2, length=4, height=64, width=96),
    'bench': SyntheticOptions(train=600, valid=100, length=24, height=192, width=320),
}
"""Named options: the demo's sets, a handful of videos for tests, and a set to study methods on."""

__all__ = [
    'PRESETS',
    'SPLITS',
    'STYLES',
    'SceneObject',
    'SyntheticOptions',
    'VideoPlan',
    'annotated_names',
    'annotation_file',
    'draw_video',
    'generate',
    'is_generated',
    'plan_split',
]
