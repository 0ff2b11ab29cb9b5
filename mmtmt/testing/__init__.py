"""Checks against reference numbers, shared by ``tools/check_golden.py`` and the tests."""

from .fixture import Difference, Fixture
from .golden import Outcome, check, find_fixtures, find_runner

__all__ = ['Difference', 'Fixture', 'Outcome', 'check', 'find_fixtures', 'find_runner']
