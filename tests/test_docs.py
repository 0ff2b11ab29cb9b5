"""What the documents name is there: links, files, commands with their options, code, numbers."""

import argparse
import ast
import importlib
import re
import runpy
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmtmt.engine import check_config
from mmtmt.registry import DATASETS, METRICS
from mmtmt.taxonomy import Taxonomy, TextBank, load_vocabulary
from tests.datasets.tiny_set import TinySet

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path
    for pattern in ('*.md', 'docs/*.md', 'configs/*/README.md', 'data/README.md')
    for path in ROOT.glob(pattern)
)
# Folders of the repository; what lies in data, checkpoints and work_dirs is the reader's.
FOLDERS = 'configs|constraints|demo|docs|mmtmt|tests|tools'
# Files that the documents tell the reader to write.
READERS_OWN = {'configs/my_sets/zoo.py'}
SHELL_OF = {'dist_train.sh': 'train.py', 'slurm_train.sh': 'train.py', 'dist_test.sh': 'test.py'}
JOINT = ROOT / 'configs/tmt_vis/tmt-vis_mask2former_r50_8xb2-16k_ytvis19-uvo-ovis.py'
# Of a set alone, as the page about own videos has it.
ALONE = ROOT / 'configs/tmt_vis/tmt-vis_mask2former_r50_8xb2-6k_ytvis19.py'

every_document = pytest.mark.parametrize(
    'document', DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


def code_of(document):
    """Commands and code of a document: the lines of its blocks, and what stands in backticks."""
    text = document.read_text().replace('\\\n', ' ')
    fenced = [block for _, block in fenced_blocks(text)]
    text = re.sub(r'^ *```.*?^ *```$', '', text, flags=re.M | re.S)
    indented = re.findall(r'^ {4,}(\S.*)$', text, flags=re.M)
    inline = re.findall(r'`([^`\n]+)`', text)
    return [line.strip() for block in fenced for line in block.splitlines()] + indented + inline


def fenced_blocks(text):
    """Pairs of language and content."""
    return re.findall(r'^ *```(\w*)\n(.*?)^ *```$', text, flags=re.M | re.S)


def anchors(document):
    """The names under which a document's headings can be linked."""
    headings = re.findall(r'^#+ (.+)$', document.read_text(), flags=re.M)
    return {re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-') for heading in headings}


@every_document
def test_links_lead_somewhere(document):
    links = re.findall(r'\[[^\]]+\]\(([^)\s]+)\)', document.read_text())
    for link in links:
        if re.match(r'https?:', link):
            continue
        name, _, anchor = link.partition('#')
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), f'{document.name} links to {link}'
        if anchor:
            assert anchor in anchors(target), f'{document.name}: no heading for {link}'


@every_document
def test_named_files_are_there(document):
    for code in code_of(document):
        for path in re.findall(rf'(?<![\w./:-])(?:{FOLDERS})/[\w./*-]+', code):
            path = path.rstrip('.')
            placeholder = re.search(r'[A-Z]{3,}', path.replace('README', ''))
            if not placeholder and path not in READERS_OWN:
                assert list(ROOT.glob(path)), f'{document.name} names {path}'


@every_document
def test_make_targets_are_there(document):
    makefile = (ROOT / 'Makefile').read_text()
    targets = set(re.findall(r'^([a-z-]+):', makefile, flags=re.M))
    variables = set(re.findall(r'\$[({]?(\w+)', makefile))
    for code in code_of(document):
        for target, rest in re.findall(r'(?:^|&& )make ([a-z-]+)((?: [A-Z]+=\S+)*)', code):
            assert target in targets, f'{document.name}: make {target}'
            for name in re.findall(r'([A-Z]+)=', rest):
                assert name in variables, f'{document.name}: make {target} {name}=…'


class _ParserFound(BaseException):
    """Ends a script where it would read the command line."""


@cache
def options_of(script):
    """The options of a script's parser, and of the parsers of its subcommands."""

    def found(parser, *args, **kwargs):
        raise _ParserFound(parser)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(_ParserFound) as end:
        patch.setattr(sys, 'argv', [script])
        patch.syspath_prepend(str((ROOT / script).parent))
        patch.setattr(argparse.ArgumentParser, 'parse_known_args', found)
        runpy.run_path(str(ROOT / script), run_name='__main__')
    return set(options_of_parser(end.value.args[0]))


def options_of_parser(parser):
    """Options that a parser takes anywhere on the line."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from options_of_parser(subparser)


def check_command(script, options, document):
    """Hold a named script and its options against the file and its help."""
    path = ROOT / script
    assert path.is_file(), f'{document.name} names {script}'
    if path.suffix == '.sh':
        assert path.stat().st_mode & 0o100, f'{script} is not executable'
        called = SHELL_OF[path.name]
        assert called in path.read_text()
        script = f'tools/{called}'
    missing = set(options) - options_of(script)
    assert not missing, f'{document.name}: {script} has no {sorted(missing)}'


@every_document
def test_commands_and_their_options_are_there(document):
    named = r'((?:tools|demo)/[\w/]+\.(?:py|sh))'
    for code in code_of(document):
        for match in re.finditer(rf'{named}([^#|;]*)', code):
            check_command(match[1], re.findall(r'(?<=\s)--[a-z][\w-]*', match[2]), document)
    # `--option`s that stand beside one tool in a row of a table, or beside it in a sentence
    for row in re.findall(r'^\|.*\|$', document.read_text(), flags=re.M):
        scripts = re.findall(rf'`{named}', row)
        if len(scripts) == 1:
            check_command(scripts[0], re.findall(r'`(--[a-z][\w-]*)', row), document)


@every_document
def test_options_in_prose_are_some_tools(document):
    known = set().union(*(options_of(script) for script in all_scripts()))
    known |= {'--extra-index-url', '--index-url'}  # pip's
    for code in code_of(document):
        for option in re.findall(r'^--[a-z][\w-]*', code):
            assert option in known, f'{document.name}: {option}'


def all_scripts():
    """Python scripts that take arguments."""
    names = (*ROOT.glob('tools/**/*.py'), *ROOT.glob('demo/*.py'))
    return [str(path.relative_to(ROOT)) for path in names if 'ArgumentParser(' in path.read_text()]


@every_document
def test_changed_config_keys_are_there(document):
    # of a method of its own kind, the joint recipe that lies beside the document
    beside = document.parent / 'idol_r50_8xb4-18k_ytvis19-uvo-ovis.py'
    recipe = ALONE if document.name == 'own_data.md' else JOINT
    cfg = Config.fromfile(beside if beside.is_file() else recipe)
    for code in code_of(document):
        if '--cfg-options' not in code:
            continue
        for key in re.findall(r'([a-z_][\w.]*)=', code.partition('--cfg-options')[2]):
            node = cfg
            for part in key.split('.')[:-1]:
                node = node[int(part)] if part.isdigit() else node[part]
            last = key.split('.')[-1]
            # what a class takes beside what the config says, such as test_cfg.frames_per_step
            known = last in node or f"'{last}'" in sources() or f'{last}=' in sources()
            assert known, f'{document.name}: --cfg-options {key}'


@cache
def sources():
    """All Python code of the package, to look names up."""
    return '\n'.join(path.read_text() for path in (ROOT / 'mmtmt').rglob('*.py'))


@every_document
def test_python_code_can_run(document):
    for language, block in fenced_blocks(document.read_text()):
        if language != 'python':
            continue
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names)


@pytest.mark.parametrize(
    ('check', 'text'),
    [
        (test_links_lead_somewhere, '[x](docs/nowhere.md)'),
        (test_links_lead_somewhere, '[x](docs/faq.md#no-such-heading)'),
        (test_named_files_are_there, 'see `configs/nowhere.py`'),
        (test_make_targets_are_there, '    make demo && make everything'),
        (test_make_targets_are_there, '`make setup COLOR=red`'),
        (test_commands_and_their_options_are_there, '    python tools/train_all.py CONFIG'),
        (
            test_commands_and_their_options_are_there,
            '    tools/dist_train.sh CONFIG 8 \\\n  --ampp',
        ),
        (test_commands_and_their_options_are_there, '| `tools/test.py` | draws with `--shows` |'),
        (test_options_in_prose_are_some_tools, 'with `--shows`'),
        (test_changed_config_keys_are_there, '`--cfg-options model.decoder.num_qeries=3`'),
        (test_python_code_can_run, '```python\nfrom mmtmt.taxonomy import Taxonomies\n```'),
        (test_python_code_can_run, '```python\nx = = 3\n```'),
    ],
)
def test_mistakes_in_a_document_are_found(tmp_path, check, text):
    (tmp_path / 'docs').symlink_to(ROOT / 'docs')
    document = tmp_path / 'mistaken.md'
    document.write_text(text + '\n')
    with pytest.raises((AssertionError, SyntaxError)) as caught:
        check(document)
    assert 'mistaken.md' in str(caught.value) or check is test_python_code_can_run


# --- the README's dataset


def block_with(document, text):
    """The Python block of a document that holds a text."""
    blocks = fenced_blocks((ROOT / document).read_text())
    (found,) = [block for language, block in blocks if language == 'python' and text in block]
    return found


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """What a reader has who did as the README says; returns the config."""
    monkeypatch.chdir(tmp_path)
    data = TinySet(tmp_path / 'data/zoo')
    data.data['categories'][0]['name'] = 'red panda'
    data.save('train.json')
    data.save('valid.json')
    (tmp_path / 'configs/my_sets').mkdir(parents=True)
    (tmp_path / 'configs/_base_').symlink_to(ROOT / 'configs/_base_')
    config = tmp_path / 'configs/my_sets/zoo.py'
    config.write_text(block_with('README.md', 'zoo_set'))
    init_default_scope('mmtmt')
    return Config.fromfile(config)


def test_readmes_dataset_can_be_trained_and_evaluated(zoo):
    check_config(zoo)
    taxonomy = Taxonomy(**zoo.model.taxonomy)
    assert taxonomy.vocabulary_names == ['ytvis19', 'zoo'] and 'red_panda' in taxonomy.keys
    assert len(zoo.train_dataloader.sampler.ratios) == 2
    train = DATASETS.build(zoo.train_dataloader.dataset.datasets[1])
    assert train.name == 'zoo' and train[1]['inputs'].shape[:2] == (2, 3)
    valid = DATASETS.build(zoo.test_dataloader.dataset)
    assert len(valid[2]['inputs']) == 6
    metric = METRICS.build(zoo.test_evaluator)
    tube = [valid.get_data_info(0)['instances'][0]['tube'].rle(0)]
    label = valid.vocabulary.names.index('red panda')
    tubes = dict(scores=[0.9], labels=[label], tubes=[tube])
    sample = dict(dataset='zoo', vocabulary=valid.vocabulary.name, video_id=10, pred_tubes=tubes)
    metric.process({}, [sample])
    assert metric.evaluate(1)['zoo/AP'] > 0


def test_own_text_bank(zoo):
    taxonomy = Taxonomy(**zoo.model.taxonomy)
    with pytest.raises(ValueError, match='red_panda'):
        TextBank.load('minilm').lookup(taxonomy)
    rng = np.random.default_rng(0)
    code = block_with('docs/faq.md', 'TextBank')
    exec(code, {'encode': lambda phrases: rng.standard_normal((len(phrases), 7))})
    rows = TextBank.load('data/zoo/bank.safetensors').lookup(taxonomy)
    assert rows.shape == (len(taxonomy), 7)


def test_readme_counts_categories():
    readme = (ROOT / 'README.md').read_text()
    rows = [
        row for row in readme.splitlines() if re.search(r'^\|.*`(ytvis19|synth_ytvis|ovis)', row)
    ]
    assert len(rows) == 3
    for row in [*rows, next(r for r in readme.splitlines() if r.startswith('| UVO'))]:
        _, _, counts, _, names, _ = row.split('|')
        counts = [int(count) for count in re.findall(r'\d+', counts)]
        vocabularies = [load_vocabulary(name) for name in re.findall(r'`(\w+)`', names)]
        counts = counts * len(vocabularies) if 'each' in row else counts
        assert counts == [len(vocabulary) for vocabulary in vocabularies]
