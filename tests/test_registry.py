"""The child registries."""

import mmengine.registry as parents
import pytest
from mmengine.registry import Registry

from mmtmt import registry

NAMES = [name for name, value in vars(parents).items() if isinstance(value, Registry)]


@pytest.mark.parametrize('name', NAMES)
def test_every_registry_of_mmengine_has_a_child(name):
    child = getattr(registry, name)
    assert child.scope == 'mmtmt'
    assert child.parent is getattr(parents, name)
    child.import_from_location()


def test_names_of_mmengine_are_reached():
    assert registry.HOOKS.get('EMAHook').__module__.startswith('mmengine.')
    assert registry.HOOKS.get('CheckpointHook').__module__.startswith('mmtmt.')
    assert registry.LOOPS.get('IterBasedTrainLoop').__module__.startswith('mmtmt.')
