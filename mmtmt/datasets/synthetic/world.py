"""The generated world: its kinds of objects and the three datasets that annotate it differently."""

import json
from dataclasses import dataclass, replace

from mmtmt.taxonomy.loading import LABEL_SPACES

WORLD_FILE = LABEL_SPACES / 'synth_world.json'


@dataclass(frozen=True)
class SetStyle:
    """What the videos of one dataset look like.

    Attributes:
        objects: Smallest and largest number of annotated objects in a video.
        extras: Smallest and largest number of objects of kinds that the set never annotates.
        sizes: Smallest and largest size of an object: the root of its area, as a share of the
            frame's height.
        repeats: Share of objects of the same kind as the one before, from 0 to 1.
        crowding: Share of objects that are placed beside another one, from 0 to 1.
        foreground: Smallest and largest number of posts in front of everything.
        crossing: Share of objects that enter or leave during the video, from 0 to 1.
        motion: How far objects travel, 1 is half the frame's width at most.
        occlusion_labels: Whether annotations carry OVIS's `occlusion` lists.
    """

    objects: tuple[int, int]
    extras: tuple[int, int]
    sizes: tuple[float, float]
    repeats: float
    crowding: float
    foreground: tuple[int, int]
    crossing: float
    motion: float
    occlusion_labels: bool = False


STYLES: dict[str, SetStyle] = {
    'synth_ytvis': SetStyle(
        objects=(1, 3),
        extras=(0, 1),
        sizes=(0.36, 0.56),
        repeats=0.1,
        crowding=0.1,
        foreground=(0, 0),
        crossing=0.25,
        motion=1.0,
    ),
    'synth_ovis': SetStyle(
        objects=(4, 6),
        extras=(0, 2),
        sizes=(0.3, 0.45),
        repeats=0.35,
        crowding=0.6,
        foreground=(0, 2),
        crossing=0.4,
        motion=0.8,
        occlusion_labels=True,
    ),
    'synth_uvo': SetStyle(
        objects=(3, 5),
        extras=(0, 2),
        sizes=(0.3, 0.5),
        repeats=0.2,
        crowding=0.25,
        foreground=(0, 1),
        crossing=0.3,
        motion=1.2,
    ),
}
"""The three sets by the name of their label space, in the order in which they are written."""


def scaled_style(style: SetStyle, density: float, occlusion: float) -> SetStyle:
    """A style with more or fewer objects, hidden more or less.

    Args:
        style: The set's usual style.
        density: Factor on the number of objects; at least one annotated object stays.
        occlusion: Factor on crowding and foreground; 0 places objects apart where possible.

    Returns:
        The changed style.
    """
    low, high = (max(1, round(number * density)) for number in style.objects)
    few, many = (round(number * density) for number in style.extras)
    posts = tuple(round(number * occlusion) for number in style.foreground)
    if occlusion > 1.0:
        posts = (posts[0], posts[1] + round(occlusion - 1.0))
    return replace(
        style,
        objects=(low, high),
        extras=(few, many),
        crowding=min(1.0, style.crowding * occlusion),
        foreground=posts,
    )


def annotated_names(set_name: str) -> dict[str, str | None]:
    """Under which category name a set annotates every kind of the world.

    Args:
        set_name: One of the names in ``STYLES``.

    Returns:
        Category name by kind, in the world's order; None where the set shows the kind but never
        annotates it.

    Raises:
        ValueError: If the set or one of its entries is unknown.
    """
    if set_name not in STYLES:
        raise ValueError(f'expected a generated set among {sorted(STYLES)}, got {set_name!r}')
    world = json.loads(WORLD_FILE.read_text(encoding='utf-8'))
    names = {}
    for kind in world['categories']:
        if set_name not in kind['annotated_as']:
            raise ValueError(f'{WORLD_FILE}: kind {kind["name"]!r} has no entry for {set_name!r}')
        names[kind['name']] = kind['annotated_as'][set_name]
    return names
