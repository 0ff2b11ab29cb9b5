"""Imports point one way: up no layer, and in no circle of packages or single helpers."""
import ast
from collections import defaultdict
from pathlib import Path

import mmtmt

ROOT = Path(mmtmt.__file__).parent
# A package may import those of its own layer and of the ones before.
LAYERS = (
    ('taxonomy', 'structures'), ('datasets', 'evaluation'), ('models',),
    ('engine', 'visualization'), ('apis',),
)


def package_of(module: str) -> str:
    """What counts as one: a package of the models, a module of utils, which has none above it."""
    parts = module.split('.')
    return '.'.join(parts[:3] if parts[1] in ('models', 'utils') else parts[:2])


def imported(path: Path, module: str):
    """Names of this project that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = module.split('.')[:-node.level] if node.level else []
            source = '.'.join([*above, *([node.module] if node.module else [])])
            # the name of a class makes no difference to its package
            names = [f'{source}.{alias.name}' for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith('mmtmt.'))


def modules():
    """Paths and names of all modules but those that stand for a package."""
    for path in ROOT.rglob('*.py'):
        # what a package offers as a whole is no step of its own
        if path.name != '__init__.py' and '.mim' not in path.parts:
            yield path, '.'.join(('mmtmt', *path.relative_to(ROOT).with_suffix('').parts))


def test_no_package_imports_one_of_a_later_layer():
    layer_of = {name: layer for layer, names in enumerate(LAYERS) for name in names}
    seen, wrong = set(), []
    for path, module in modules():
        here = module.split('.')[1]
        seen.add(here)
        for name in imported(path, module):
            other = name.split('.')[1]
            if here in layer_of and layer_of.get(other, -1) > layer_of[here]:
                wrong.append(f'{module} imports {name}')
    assert seen >= layer_of.keys()
    assert not wrong, wrong


def test_no_package_imports_one_that_imports_it():
    graph = defaultdict(set)
    for path, module in modules():
        here = package_of(module)
        graph[here] |= {package_of(name) for name in imported(path, module)} - {here}
    assert len(graph) > 15

    def reachable(package):
        found, todo = set(), [package]
        while todo:
            new = graph.get(todo.pop(), set()) - found
            found |= new
            todo += new
        return found

    circles = {package for package in list(graph) if package in reachable(package)}
    assert not circles, f'{sorted(circles)} import each other'
