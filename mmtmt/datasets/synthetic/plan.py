"""What is in every video, decided before anything is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .world import STYLES, SetStyle, annotated_names, scaled_style

SPLITS = ('train', 'valid')


@dataclass(frozen=True)
class SyntheticOptions:
    """What to generate.

    Attributes:
        sets: Names of the sets, among ``STYLES``.
        train: Number of training videos per set.
        valid: Number of validation videos per set.
        length: Largest number of frames of a video; the shortest has three quarters of it.
        height: Rows of a frame.
        width: Columns of a frame.
        seed: Same seed and options, same bytes; at least 0.
        density: Factor on the number of objects.
        occlusion: Factor on crowding and on what stands in the foreground.
        difficulty: From 0 (vivid objects on quiet ground) to 1 (pale ones on busy ground, noise).
        typical_colours: Share of objects painted in their kind's typical colours, by which small
            models can tell kinds apart; the others have any colours.
    """

    sets: tuple[str, ...] = tuple(STYLES)
    train: int = 40
    valid: int = 10
    length: int = 12
    height: int = 128
    width: int = 192
    seed: int = 0
    density: float = 1.0
    occlusion: float = 1.0
    difficulty: float = 0.5
    typical_colours: float = 0.0

    def __post_init__(self) -> None:
        """Checks every value.

        Raises:
            ValueError: If a value is out of range.
        """
        unknown = sorted(set(self.sets) - set(STYLES))
        if unknown or not self.sets:
            raise ValueError(f'sets: expected names among {sorted(STYLES)}, got {self.sets}')
        least_values = {'length': 1, 'height': 32, 'width': 32}
        for name in ('train', 'valid', 'length', 'height', 'width', 'seed', 'density', 'occlusion'):
            least = least_values.get(name, 0)
            value = getattr(self, name)
            if value < least:
                raise ValueError(f'{name}: expected at least {least}, got {value}')
        for name in ('difficulty', 'typical_colours'):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ValueError(f'{name}: expected 0 to 1, got {value}')

    def videos(self, split: str) -> int:
        """Number of videos per set in a split."""
        return {'train': self.train, 'valid': self.valid}[split]


@dataclass(frozen=True)
class VideoPlan:
    """One video to be drawn.

    Attributes:
        set_name: The set it belongs to.
        split: 'train' or 'valid'.
        index: Its position in the split, from 0.
        length: Number of frames.
        kinds: The kinds of its objects.
        options: What is generated.
    """

    set_name: str
    split: str
    index: int
    length: int
    kinds: tuple[str, ...]
    options: SyntheticOptions

    @property
    def name(self) -> str:
        """Name of the folder that holds the frames."""
        return f'{self.split}_{self.index:04d}'

    @property
    def style(self) -> SetStyle:
        """The set's style under the options."""
        options = self.options
        return scaled_style(STYLES[self.set_name], options.density, options.occlusion)

    def generator(self, purpose: str) -> np.random.Generator:
        """Randomness of this video and purpose alone, whichever process draws it and when.

        Args:
            purpose: 'scene', 'cast', 'foreground' or 'light'. What one of them draws changes
                nothing for the others.

        Returns:
            A fresh generator.
        """
        stream = 1 + ('scene', 'cast', 'foreground', 'light').index(purpose)
        return _generator(self.options.seed, self.set_name, self.split, self.index + 1, stream)


def _generator(seed: int, set_name: str, split: str, *streams: int) -> np.random.Generator:
    # NumPy pads seeds with zeros, so all words after the seed are at least 1.
    return np.random.default_rng(
        [seed, 1 + list(STYLES).index(set_name), 1 + SPLITS.index(split), *streams]
    )


def plan_split(options: SyntheticOptions, set_name: str, split: str) -> list[VideoPlan]:
    """Decides lengths and kinds of all videos of a split.

    Kinds are dealt from shuffled decks, so that a small set holds every annotated kind about
    equally often. A video's plan doesn't depend on how many videos follow it.

    Args:
        options: What is generated.
        set_name: One of ``options.sets``.
        split: 'train' or 'valid'.

    Returns:
        One plan per video.
    """
    rng = _generator(options.seed, set_name, split)
    style = scaled_style(STYLES[set_name], options.density, options.occlusion)
    names = annotated_names(set_name)
    shown = _Deck(rng, [kind for kind, name in names.items() if name is not None])
    extra = _Deck(rng, [kind for kind, name in names.items() if name is None])
    plans = []
    for index in range(options.videos(split)):
        kinds: list[str] = []
        for _ in range(int(rng.integers(style.objects[0], style.objects[1] + 1))):
            repeat = bool(kinds) and rng.random() < style.repeats
            kinds.append(kinds[-1] if repeat else shown.deal())
        for _ in range(int(rng.integers(style.extras[0], style.extras[1] + 1))):
            kinds.append(extra.deal())
        shortest = max(1, round(0.75 * options.length))
        length = int(rng.integers(shortest, options.length + 1))
        plans.append(VideoPlan(set_name, split, index, length, tuple(kinds), options))
    return plans


class _Deck:
    """Deals every card once before any card comes again."""

    def __init__(self, rng: np.random.Generator, cards: Sequence[str]) -> None:
        self._rng, self._cards, self._left = rng, list(cards), []

    def deal(self) -> str:
        if not self._left:
            self._left = [self._cards[i] for i in self._rng.permutation(len(self._cards))]
        return self._left.pop()
