"""Files that are almost right, and files that are nothing: what fuzz tests feed to readers."""

import copy
import functools
import json

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.little_memory import in_little_memory

VALUES = [
    None, True, False, 0, -1, 1, 2, 10**9, -(10**9), 10**30, 10**400, 1.5, -0.0, 1e308,
    float('nan'), float('inf'), '', 'a', '\u718a\u732b.png', '\ud800', '\x00', 'x' * 5000,
    '../x', '../../../../../../etc/passwd', '/etc/passwd', 'a/../../b', '..\\x', 'c:x', '\\x', '.',
    [], [[]], [None], [1, 2], [[1]], [[[0]]], {}, {'a': 1}, ['a'] * 3,
    [[0, 0, 40, 0, 40, 24]], [[0, 0, 10**400, 0, 4, 4]], [[0, 0, 65000, 0, 65000, 65000]],
    {'size': [1, 1], 'counts': '0'}, {'size': [24, 40], 'counts': 'PPPPPPPPPPPPP'},
    {'size': [24, 40], 'counts': ''}, {'size': [24, 40], 'counts': '\u00e9'},
    {'size': [24, 40], 'counts': [960]}, {'size': [24, 40], 'counts': [10**9]},
    {'size': [24, 40], 'counts': [-1, 961]}, {'size': [24, 40], 'counts': 'PPPPPo1'},
    {'size': [32768, 32768], 'counts': 'PPPPPPP1'}, {'size': [31623, 31623], 'counts': [10**9]},
    {'size': [10**20, 10**20], 'counts': '0'}, {'size': [-24, -40], 'counts': [960]},
    {'size': None, 'counts': '0'}, {'size': ['a', 'b'], 'counts': '0'}, {'counts': [1]},
]  # fmt: skip

_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just(10**25)
)
anything = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(document, path=()):
    """Paths to all values within a document."""
    items = ()
    if isinstance(document, dict):
        items = document.items()
    elif isinstance(document, list):
        items = enumerate(document)
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


@st.composite
def changed(draw, document):
    """The document with one to three values replaced, removed, doubled or moved elsewhere."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(document))
        if not found:
            break
        *path, key = found[draw(st.integers(0, len(found) - 1))]
        parent = functools.reduce(lambda value, step: value[step], path, document)
        action = draw(st.sampled_from(['replace', 'replace', 'random', 'remove', 'double', 'copy']))
        if action == 'remove':
            del parent[key]
        elif action == 'double' and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        elif action == 'copy':
            source = found[draw(st.integers(0, len(found) - 1))]
            parent[key] = copy.deepcopy(functools.reduce(lambda v, step: v[step], source, document))
        elif action == 'random':
            parent[key] = draw(anything)
        else:
            parent[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    return document


@st.composite
def cut(draw, data):
    """Bytes of which some are missing, or others stand between."""
    start = draw(st.integers(0, len(data)))
    end = draw(st.sampled_from([len(data), min(len(data), start + draw(st.integers(0, 40)))]))
    return data[:start] + draw(st.binary(max_size=6)) + data[end:]


nothing = st.one_of(
    st.binary(max_size=64),
    anything.map(lambda value: json.dumps(value).encode()),
    st.tuples(st.sampled_from(['[', '{"a":', '{"videos":[', '[[1],']), st.sampled_from([9, 10**5]))
    .map(lambda drawn: (drawn[0] * drawn[1]).encode()),
    st.sampled_from([b'1' * 5000, b'{"videos":' + b'1' * 5000, b'\xff\xfe{}', b'NaN', b'"\\ud8']),
)  # fmt: skip


def json_files(document):
    """Bytes of files that are not quite the document."""
    data = changed(document).map(lambda value: json.dumps(value).encode())
    return st.one_of(data, data, data, data, data.flatmap(cut), nothing)


def holds(check, examples=100, megabytes=512):
    """Run a test of hypothesis in a process of its own that has little memory.

    The same examples every time. What it raises comes back with the example in its notes; a
    process that dies or lacks memory fails too.
    """
    profile = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    in_little_memory(profile(check), megabytes=megabytes, seconds=300)


def reads_or_names(read, path, *names):
    """What a reader makes of a file; None if it refuses it by name."""
    try:
        return read(path)
    except (ValueError, OSError) as error:
        assert any(name in str(error) for name in (path.name, *names)), f'no name in: {error!r}'
        return None
