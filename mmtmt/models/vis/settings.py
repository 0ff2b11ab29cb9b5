"""Completing and checking a model's `test_cfg`."""
from collections.abc import Mapping, Sequence
from typing import Any

from mmtmt.taxonomy import registered_vocabularies


def complete_settings(given: Mapping[str, Any], defaults: Mapping[str, Any],
                      choices: Mapping[str, Sequence[str]], from_zero: Sequence[str],
                      vocabularies: Sequence[str]) -> dict[str, Any]:
    """Complete `test_cfg`; a key or a value that isn't known is an error.

    What has no choices is of its default's kind: a whole number from 1, a number from 0 to 1, a
    switch. `max_per_video` may be a number for each vocabulary besides.

    Args:
        given: The user's.
        defaults: All keys and their defaults.
        choices: Of keys that have some, by key.
        from_zero: Keys whose whole numbers start at 0.
        vocabularies: Names of the model's vocabularies.

    Returns:
        A value for every key.

    Raises:
        ValueError: If a key isn't known or a value doesn't fit.
    """
    if unknown := sorted(set(given) - set(defaults)):
        raise ValueError(f'model.test_cfg: expected keys among {sorted(defaults)}, got {unknown}')
    settings = {**defaults, **given}
    for name, value in settings.items():
        if name == 'max_per_video' and isinstance(value, Mapping):
            _check_max_per_video(value, vocabularies)
            continue
        if name in choices:
            fits, expected = value in choices[name], f'one of {choices[name]}'
        elif type(defaults[name]) is bool:
            fits, expected = type(value) is bool, 'True or False'
        elif type(defaults[name]) is float:
            fits = type(value) in (int, float) and 0 <= value <= 1
            expected = 'a number from 0 to 1'
        else:
            least = 0 if name in from_zero else 1
            fits = type(value) is int and value >= least
            expected = f'an integer from {least}'
        if not fits:
            raise ValueError(f'model.test_cfg.{name}: expected {expected}, got {value!r}')
    return settings


def _check_max_per_video(numbers: Mapping[str, Any], vocabularies: Sequence[str]) -> None:
    """Refuse names that are no vocabularies, and numbers below 1."""
    known = ['default', *vocabularies]
    known += [name for name in registered_vocabularies() if name not in known]
    where = 'model.test_cfg.max_per_video'
    if unknown := [name for name in numbers if name not in known]:
        raise ValueError(f'{where}: expected names among {known}, got {unknown}')
    for name, number in numbers.items():
        if type(number) is not int or number < 1:
            raise ValueError(f'{where}.{name}: expected an integer from 1, got {number!r}')
