"""The tables of the paper and the model zoo, as a user makes them."""
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
TOOLS = REPO / 'tools' / 'analysis_tools'
JOINT = 'tmt-vis_mask2former_r50_8xb2-16k_ytvis19-uvo-ovis'


def run(tool: str, *args: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(TOOLS / tool), *args], capture_output=True,
                          text=True, cwd=REPO)


def load_tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, TOOLS / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def test_every_row_names_a_recipe() -> None:
    """A recipe that is renamed must be renamed in the tables."""
    tables = yaml.safe_load((REPO / 'configs' / 'paper_tables.yml').read_text())
    for table in tables.values():
        for row in table['rows']:
            for recipe, published in row['cells'].values():
                assert (REPO / 'configs' / f'{recipe}.py').is_file(), recipe
                assert published is None or 0 < published < 100


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A run that was tested twice, with a log that goes on, and what a server said."""
    folder = tmp_path / 'runs' / JOINT
    write(folder / '1' / '1.json', '{"ytvis19/AP": 0.25, "mean/AP": 0.25}')
    write(folder / '1' / 'vis_data' / 'scalars.json',
          '{"loss": 9.0, "time": 0.5, "iter": 50}\n{"loss": 8.0, "time": 0.7, "iter": 100}\n'
          '{"loss": 7.0, "time": 9.0, "iter": 150}\n'
          '{"loss": 6.0, "ti')
    write(folder / 'results.json', '[]')
    write(folder / 'ytvis19.json', json.dumps(dict(
        stats=[0.481, 0.7], per_category={'1': dict(name='person', AP=0.555),
                                          '9': dict(name='snake', AP=None)})))
    return folder.parent


def test_tables(runs: Path) -> None:
    """The last record counts, figures stand beside the paper's, and what is missing is told."""
    out = runs / 'tables.md'
    done = run('paper_tables.py', str(runs), '--tables', '4', '6', '11', '--out', str(out))
    assert done.returncode == 0, done.stderr
    text = out.read_text()
    assert '| and the taxonomy-aware loss, three sets | 49.7 | 48.1 |' in text
    assert '| 10 | 49.7 | 48.1 |' in text and '| 5 | 49.3 | - |' in text
    assert '| TMT-VIS, three sets | 60.7 | 55.5 | 43.9 | - |' in text
    # 16000 steps of a run of the same method and backbone, whose median is 0.7 s
    assert (f'`{JOINT}_nt-5` (ytvis19): 8 GPUs, 16000 iterations, 3.1 hours at 0.70 s a step'
            in text)
    assert f'tools/dist_train.sh configs/tmt_vis/ablations/{JOINT}_nt-5.py 8 --amp\n' in text
    assert ('official_to_mmtmt.py model_final_3c8ec9.pkl '
            'checkpoints/mask2former_r50_coco-instance.pth --vocabulary coco' in text)
    assert '`mask2former-vis_r50_8xb2-6k_ytvis19` (ytvis19, ytvis19/person' in text
    assert 'no step was measured' in text


def test_what_a_recipe_starts_from_comes_first(tmp_path: Path) -> None:
    """GenVIS starts from the run of VITA; IDOL is not trained in mixed precision."""
    genvis, vita = 'genvis-online_r50_8xb1-140k_coco-ovis', 'vita_r50_8xb1-150k_coco-ovis'
    write(tmp_path / vita / 'server.json', '{"ovis/AP": 0.2}')
    arguments = (str(tmp_path), '--tables', '2', '3', '10', '12')
    text = run('paper_tables.py', *arguments).stdout
    assert f'`{vita}` (a stage before others): 8 GPUs, 150000 iterations' in text
    assert f'starts from `work_dirs/{vita}/iter_150000.pth`' in text
    trained = [line.split('/')[-1] for line in text.splitlines() if 'dist_train.sh' in line]
    assert trained.index(f'{vita}.py 8 --amp') < trained.index(f'{genvis}.py 8 --amp')
    assert f'dist_test.sh configs/vita/{vita}.py' not in text
    assert 'idol_r50_8xb2-12k_ovis.py 8' in trained
    for file in ('vita_swin_coco.pth checkpoints/vita_swin-l_coco.pth',
                 'cocopretrain_R50.pth checkpoints/idol_r50_coco-pretrain.pth'):
        assert f'official_to_mmtmt.py {file} --vocabulary coco' in text
    assert '| TMT-VIS, OVIS and UVO | 14.8 | - | 19.4 | - | 20.2 | - |' in text
    assert '| TMT-VIS | 11.6 | - | 7.5 | - |' in text
    write(tmp_path / vita / 'iter_150000.pth', '')
    assert 'a stage before others' not in run('paper_tables.py', *arguments).stdout


def test_every_start_is_told() -> None:
    """Recipes start from a conversion that the tool knows, or from another recipe."""
    tool = load_tool('paper_tables')
    for _, recipe in tool.CONVERTED.values():
        assert (REPO / 'configs' / f'{recipe}.py').is_file()
    starts = {tool._start(cell.recipe) for table in tool.load_tables()
              for row in table.rows for cell in row.cells.values()}
    for start in map(Path, starts):
        if start.parts[0] == 'work_dirs':
            recipe = tool.recipe_named(start.parts[1])
            assert start.name == f'iter_{tool._effort(recipe)[1]}.pth'
        else:
            assert start.parts[0] == 'checkpoints' and start.stem in tool.CONVERTED


def test_tables_refuse_what_is_not_there(tmp_path: Path) -> None:
    """Numbers and folders that don't exist are named."""
    assert 'got [99]' in run('paper_tables.py', str(tmp_path), '--tables', '99').stderr
    assert 'is none' in run('paper_tables.py', str(tmp_path / 'absent')).stderr


def test_model_zoo_is_up_to_date() -> None:
    """The page shows the metafiles as they are."""
    done = run('model_zoo.py', '--check')
    assert done.returncode == 0, done.stderr
