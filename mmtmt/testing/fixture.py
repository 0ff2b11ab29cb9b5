"""Reference numbers: seeded weights and inputs, and what an official implementation made of them.

A fixture is ``NAME.json`` (how it was made) beside ``NAME.npz`` (numbers). Weights and large inputs
are not stored: they are drawn again from NumPy's legacy generator, whose stream never changes, with
the CRC-32 of ``salt/key`` as seed. Of large results a strided part is stored, with a projection of
the whole onto a seeded random vector.
"""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock
from zlib import crc32

import numpy as np
import torch

# Two runs of the official code with other CPU kernels differ by less, see `noise.json`.
RELATIVE = 1e-4
ABSOLUTE = 1e-4


def _generator(salt: str, name: str) -> np.random.RandomState:
    return np.random.RandomState(crc32(f'{salt}/{name}'.encode()))


@dataclass
class Difference:
    """One comparison.

    Args:
        name: What was compared.
        largest: Largest absolute difference where the comparison is closest to failing.
        tolerance: What is allowed there.
        detail: Said when it failed.
    """

    name: str
    largest: float
    tolerance: float
    detail: str = ''

    @property
    def ok(self) -> bool:
        """Whether the difference is within tolerance; not so for NaN."""
        return not self.detail and self.largest <= self.tolerance

    @property
    def severity(self) -> float:
        """Difference over tolerance; infinite for a failure without numbers."""
        if self.detail or math.isnan(self.largest):
            return math.inf
        if self.tolerance == 0:
            return math.inf if self.largest else 0.0
        return self.largest / self.tolerance


@dataclass
class Fixture:
    """A fixture's recipe and numbers.

    Args:
        name: File name without suffix.
        info: The json.
        data: The stored arrays.
        folder: Where further files of the fixture lie.
    """

    name: str
    info: dict[str, Any]
    data: dict[str, np.ndarray]
    folder: Path = field(default_factory=Path)

    @classmethod
    def load(cls, path: str | Path) -> 'Fixture':
        """Read a fixture.

        Args:
            path: Path of either file, or of both without the suffix.

        Returns:
            The fixture.

        Raises:
            ValueError: One of the files is missing or damaged.
        """
        base = Path(path)
        base = base.with_suffix('') if base.suffix in ('.json', '.npz') else base
        try:
            info = json.loads(base.with_name(f'{base.name}.json').read_text())
            with np.load(base.with_name(f'{base.name}.npz'), allow_pickle=False) as arrays:
                data = {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(f'cannot read the fixture {base}: {error}') from error
        return cls(base.name, info, data, base.parent)

    @property
    def config(self) -> dict[str, Any]:
        """Sizes and settings; empty where the fixture needs none."""
        return self.info.get('config', {})

    def __contains__(self, name: str) -> bool:
        return name in self.info['arrays']

    def weights(self, prefix: str = '') -> dict[str, np.ndarray]:
        """The official state dict: float32 arrays by key.

        Args:
            prefix: Only the keys that start with it.

        Returns:
            float32 arrays by official key.
        """
        state: dict[str, np.ndarray] = {}
        for key, shape, *recipe in self.info['params']:
            if len(recipe) == 1:
                if recipe[0] is not None:  # a second name of another tensor
                    state[key] = state[recipe[0]]
                continue
            location, scale, absolute = recipe
            value = scale * _generator(self.info['salt'], key).standard_normal(shape)
            state[key] = (location + (np.abs(value) if absolute else value)).astype(np.float32)
        return {key: value for key, value in state.items() if key.startswith(prefix)}

    def array(self, name: str) -> np.ndarray:
        """A stored array; of a large one the stored part, flat."""
        meta = self.info['arrays'][name]
        if meta['stored'] != 'packbits':
            return self.data[name]
        count = math.prod(meta['shape'])
        return np.unpackbits(self.data[name], count=count).reshape(meta['shape']).astype(bool)

    def input(self, name: str) -> torch.Tensor:
        """An input, stored or drawn again; a drawn one is checked against the stored part.

        Args:
            name: Name of the array.

        Returns:
            The input, float32 or as it was stored.

        Raises:
            ValueError: The drawn numbers are not those that the fixture was made from.
        """
        recipe = (self.info.get('inputs') or {}).get(name)
        if not isinstance(recipe, dict):
            return torch.from_numpy(self.array(name).copy())
        noise = _generator(self.info['salt'], recipe['key']).standard_normal(recipe['shape'])
        value = (recipe['loc'] + recipe['scale'] * noise).astype(np.float32)
        if not self.compare(name, value, absolute=0, relative=0).ok:
            raise ValueError(f'{self.name}: the input {name} cannot be rebuilt from its recipe')
        return torch.from_numpy(value)

    def expected_rand_calls(self) -> list[list[int]]:
        """Shapes of the calls of ``torch.rand`` that the official code made, in order."""
        if 'rand_calls' in self.info:
            return self.info['rand_calls']
        return self.config['points']['rand_calls']

    @contextmanager
    def replayed_rand(self) -> Iterator[list[list[int]]]:
        """Give ``torch.rand`` the numbers that the official code drew.

        Yields:
            The shapes asked for so far, in order.

        Raises:
            AssertionError: A call asks for another shape than the official one did, or the code
                made fewer calls.
        """
        expected = self.expected_rand_calls()
        calls: list[list[int]] = []

        def rand(*size: Any, device: Any = None, dtype: Any = None, **_: Any) -> torch.Tensor:
            shape = list(size[0] if len(size) == 1 and not isinstance(size[0], int) else size)
            number = len(calls)
            if number >= len(expected) or shape != expected[number]:
                wanted = expected[number] if number < len(expected) else 'no further call'
                raise AssertionError(
                    f'call {number} of torch.rand has the shape {shape}, '
                    f'the official code made {wanted}'
                )
            calls.append(shape)
            numbers = _generator(self.info['salt'], f'rand/{number}').random_sample(shape)
            return torch.from_numpy(numbers.astype(np.float32)).to(device=device, dtype=dtype)

        with mock.patch.object(torch, 'rand', rand):
            yield calls
        if len(calls) < len(expected):
            raise AssertionError(
                f'{len(calls)} calls of torch.rand, the official code made {len(expected)}'
            )

    @contextmanager
    def replayed_samples(self, owner: Any, name: str) -> Iterator[None]:
        """Give a function that draws without replacement what the official code drew.

        Args:
            owner: Where the function is looked up when it is called.
            name: Its name there; it takes the size of the population and the number to draw, and
                returns positions.

        Yields:
            Nothing.

        Raises:
            AssertionError: A call asks for something else than the official one did, or the code
                made fewer calls.
        """
        expected, calls = [tuple(call) for call in self.info['sample_calls']], []

        def sample(population: int, count: int) -> torch.Tensor:
            number = len(calls)
            wanted = expected[number] if number < len(expected) else 'no further call'
            if wanted != (population, count):
                raise AssertionError(
                    f'call {number} draws {count} of {population}, the official code made {wanted}'
                )
            calls.append(wanted)
            order = _generator(self.info['salt'], f'sample/{number}').permutation(population)
            return torch.from_numpy(order[:count].copy())

        with mock.patch.object(owner, name, sample):
            yield
        if len(calls) < len(expected):
            raise AssertionError(f'{len(calls)} draws, the official code made {len(expected)}')

    def compare(
        self, name: str, value: Any, absolute: float | None = None, relative: float = RELATIVE
    ) -> Difference:
        """Compare a result with the stored one.

        Args:
            name: The stored array.
            value: Array or tensor of the same shape.
            absolute: Absolute tolerance; by default 1e-4 of the largest stored value, and at least
                1e-4.
            relative: Relative tolerance, added to it.

        Returns:
            The difference; a large one is no exception.
        """
        meta, reference = self.info['arrays'][name], self.array(name)
        value = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        if list(value.shape) != list(meta['shape']):
            return Difference(
                name,
                math.nan,
                0.0,
                f'{name}: expected shape {meta["shape"]}, got {list(value.shape)}',
            )
        part = value if 'stride' not in meta else value.reshape(-1)[:: meta['stride']]
        if reference.dtype.kind in 'iub':
            return exact(name, part, reference)
        if absolute is None:
            absolute = ABSOLUTE * max(1.0, float(np.abs(reference).max(initial=0.0)))
        result = close(name, part, reference, absolute, relative)
        if result.ok and 'stride' in meta:
            result = self._compare_projection(name, value, result, max(absolute, relative))
        return result

    def _compare_projection(
        self, name: str, value: np.ndarray, result: Difference, tolerance: float
    ) -> Difference:
        """Compare what of an array isn't stored, by its product with a seeded random vector."""
        meta = self.info['arrays'][name]
        flat = value.astype(np.float64).reshape(-1)
        seed = crc32(f'proj/{name}'.encode())
        projection = float(flat @ np.random.RandomState(seed).uniform(-1, 1, flat.size))
        # independent errors of `tolerance` add up to their root of the count; checksums of equal
        # arrays differ by the order of summation
        allowed = 4 * tolerance * math.sqrt(flat.size) + 1e-9 * max(1.0, meta['sum_abs'])
        difference = abs(projection - meta['proj'])
        if not difference <= allowed:
            result.detail = (
                f'{name}: the part that is not stored differs: projection '
                f'{projection:g}, expected {meta["proj"]:g}'
            )
        return result


def close(name: str, value: Any, reference: Any, absolute: float, relative: float) -> Difference:
    """Compare floats: |difference| <= absolute + relative * |reference|, everywhere."""
    value, reference = np.asarray(value, np.float64), np.asarray(reference, np.float64)
    if value.shape != reference.shape:
        return Difference(
            name, math.nan, 0.0, f'{name}: expected shape {reference.shape}, got {value.shape}'
        )
    if not value.size:
        return Difference(name, 0.0, absolute)
    if not np.isfinite(value).all():
        return Difference(name, math.nan, absolute, f'{name}: holds numbers that are not finite')
    difference = np.abs(value - reference)
    allowed = absolute + relative * np.abs(reference)
    worst = np.unravel_index(np.argmax(difference - allowed), difference.shape)
    failed = difference > allowed
    detail = (
        f'{name}: {int(failed.sum())} of {failed.size} numbers beyond tolerance'
        if failed.any()
        else ''
    )
    if not detail:
        worst = np.unravel_index(np.argmax(difference), difference.shape)
    return Difference(name, float(difference[worst]), float(allowed[worst]), detail)


def exact(name: str, value: Any, reference: Any, allowed: int = 0) -> Difference:
    """Compare whole numbers or bits.

    Args:
        name: What is compared.
        value: Array.
        reference: Array of the same shape.
        allowed: How many may differ.

    Returns:
        The number of differing values against `allowed`.
    """
    value, reference = np.asarray(value), np.asarray(reference)
    if value.shape != reference.shape:
        return Difference(
            name, math.nan, 0.0, f'{name}: expected shape {reference.shape}, got {value.shape}'
        )
    count = int((value != reference).sum())
    detail = f'{name}: {count} of {value.size} differ' if count > allowed else ''
    return Difference(name, float(count), float(allowed), detail)
