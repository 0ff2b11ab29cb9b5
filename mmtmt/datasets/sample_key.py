"""What a sampler asks a dataset for: which item, and which randomness."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Keeps the draws of the sampler, of the transforms and of what samples have in common apart.
SAMPLER_STREAM = 0
TRANSFORM_STREAM = 1
GROUP_STREAM = 2


def make_generator(stream: int, seed: int, sample_index: int) -> np.random.Generator:
    """Make the random generator of one sample.

    Args:
        stream: Who draws; one of the constants of this module.
        seed: Seed of the run, not negative.
        sample_index: Position in the stream of samples of all processes, not negative.

    Returns:
        A generator that depends on these three numbers alone: not on workers, not on what was
        drawn for other samples.
    """
    return np.random.default_rng((stream, seed, sample_index))


class SampleKey(NamedTuple):
    """An item of a dataset together with the randomness of this visit.

    Attributes:
        index: Index into the dataset.
        sample_index: Position in the stream of samples of all processes.
        seed: Seed of the run.
    """

    index: int
    sample_index: int
    seed: int = 0

    def generator(self) -> np.random.Generator:
        """Return the generator from which all transforms of the sample draw."""
        return make_generator(TRANSFORM_STREAM, self.seed, self.sample_index)
