"""Puts finished runs into the tables of the paper, and tells what it takes to run the rest.

python tools/analysis_tools/paper_tables.py work_dirs
python tools/analysis_tools/paper_tables.py work_dirs --tables 1 2 --out tables.md
python tools/analysis_tools/paper_tables.py work_dirs --seconds-per-step 0.9

Commands train in mixed precision where the official code does, with --amp, which needs a GPU; those
of IDOL in float32. What a recipe starts from comes before it: checkpoints to convert, and the run
of another recipe, as of VITA for GenVIS.

A run is a folder with its recipe's name. What it measured is read from the records that
tools/test.py leaves there, from files with numbers of a server, typed in as {"ytvis19/AP": 0.497},
and from files DATASET.json that tools/eval_results.py --out wrote. The last written record counts.
"""

import argparse
import json
import re
import statistics
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / 'configs' / 'paper_tables.yml'
# What recipes start from below checkpoints/: the official file that it is made of, and the recipe
# that trains the like.
CONVERTED = {
    'mask2former_r50_coco-instance': (
        'model_final_3c8ec9.pkl', 'mask2former_vis/mask2former-vis_r50_8xb2-368750_coco'),
    'mask2former_swin-l_coco-instance': (
        'model_final_e5f453.pkl', 'mask2former_vis/mask2former-vis_swin-l_8xb2-737500_coco'),
    'vita_r50_coco': ('vita_r50_coco.pth', 'vita/vita_r50_8xb2-368750_coco'),
    'vita_swin-l_coco': ('vita_swin_coco.pth', 'vita/vita_swin-l_8xb2-737500_coco'),
    'idol_r50_coco-pretrain': ('cocopretrain_R50.pth', 'idol/idol_r50_8xb4-59200_coco'),
    'idol_swin-l_coco-pretrain': ('cocopretrain_SWINL.pth', 'idol/idol_swin-l_8xb4-59200_coco'),
}


class Cell(NamedTuple):
    """One number of a table.

    Attributes:
        column: Data set, or data set/category.
        recipe: Path below configs, without suffix.
        published: What the paper prints, in percent; None where it prints nothing.
    """

    column: str
    recipe: str
    published: float | None

    @property
    def dataset(self) -> str:
        """The data set that is evaluated on."""
        return self.column.split('/')[0]


class Row(NamedTuple):
    """A row of a table: a name and its cells by column."""

    name: str
    cells: dict[str, Cell]


class Table(NamedTuple):
    """One of the paper's tables."""

    number: int
    title: str
    rows: list[Row]


class Run:
    """What a run's folder holds.

    Args:
        folder: May be absent.
    """

    def __init__(self, folder: Path) -> None:
        self.metrics: dict[str, float] = {}
        files = [path for path in folder.rglob('*.json') if path.parent.name != 'vis_data']
        for path in sorted(files, key=lambda path: path.stat().st_mtime):
            self.metrics.update(_metrics(path))
        self.step_times = [
            line['time'] for path in folder.rglob('vis_data/scalars.json')
            for line in _json_lines(path) if 'time' in line and 'loss' in line]

    @property
    def seconds_per_step(self) -> float | None:
        """Median of what the log says."""
        return statistics.median(self.step_times) if self.step_times else None

    def measured(self, column: str) -> float | None:
        """AP of a column in percent."""
        dataset, _, category = column.partition('/')
        value = self.metrics.get(f'{dataset}/AP/{category}' if category else f'{dataset}/AP')
        return None if value is None or value < 0 else 100 * value  # -1: nothing to be found


def _metrics(path: Path) -> dict[str, float]:
    """Figures of one record; nothing where the file is something else, such as results."""
    try:
        with open(path, encoding='utf-8') as file:
            if file.read(1) == '[':  # results, perhaps of gigabytes
                return {}
        content = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        sys.exit(f'error: {path}: not a readable json file ({error})')
    if not isinstance(content, dict):
        return {}
    if 'stats' not in content:
        return {name: value for name, value in content.items()
                if '/AP' in name and isinstance(value, int | float)}
    categories = {f'{path.stem}/AP/{row["name"]}': row['AP']
                  for row in content['per_category'].values() if row['AP'] is not None}
    return {f'{path.stem}/AP': content['stats'][0], **categories}


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        try:
            if line.strip():
                yield json.loads(line)
        except ValueError as error:
            if number < len(lines) - 1:  # the last one may be half written, while a run goes on
                sys.exit(f'error: {path}: line {number + 1} is no json ({error})')


def load_tables(path: Path = TABLES) -> list[Table]:
    """Read the description of the tables.

    Args:
        path: Its file.

    Returns:
        The tables in the paper's order.
    """
    tables = []
    for number, table in yaml.safe_load(path.read_text()).items():
        rows = [Row(row['name'], {column: Cell(column, *cell)
                                  for column, cell in row['cells'].items()})
                for row in table['rows']]
        tables.append(Table(number, table['title'], rows))
    return tables


def format_table(table: Table, runs: dict[str, Run]) -> str:
    """A table in Markdown: the paper's number, then ours.

    Args:
        table: The table.
        runs: By recipe.

    Returns:
        Heading and table.
    """
    columns = list(dict.fromkeys(column for row in table.rows for column in row.cells))
    head = ['', *(f'{column} {side}' for column in columns for side in ('(paper)', '(ours)'))]
    lines = [head, ['---'] * len(head)]
    for row in table.rows:
        line = [row.name]
        for column in columns:
            cell = row.cells.get(column)
            line.append(_number(cell and cell.published))
            line.append(_number(cell and runs[cell.recipe].measured(column)))
        lines.append(line)
    text = '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)
    return f'## Table {table.number}: {table.title}\n\n{text}\n'


def _number(value: float | None) -> str:
    return '-' if value is None else f'{value:.1f}'


def list_missing(tables: list[Table], runs: dict[str, Run], seconds_per_step: float | None,
                 results: Path) -> str:
    """What it takes to fill the empty cells, recipe by recipe.

    The hours are iterations times the time of a step: of the recipe's own log, else of another
    recipe of the same method and backbone, else as given.

    Args:
        tables: The tables.
        runs: By recipe.
        seconds_per_step: For recipes of which no step was measured.
        results: Folder of the runs, for the checkpoints that are there already.

    Returns:
        Markdown.
    """
    missing: dict[str, list[Cell]] = {}
    for cell in (cell for table in tables for row in table.rows for cell in row.cells.values()):
        if runs[cell.recipe].measured(cell.column) is None:
            missing.setdefault(cell.recipe, []).append(cell)
    known = {_family(recipe): run.seconds_per_step for recipe, run in runs.items()
             if run.seconds_per_step is not None}
    plan = _in_order(missing, results)
    lines = ['## What is missing\n', *_conversions(plan)]
    for recipe in plan:
        run = runs.get(recipe) or Run(results / Path(recipe).name)
        seconds = run.seconds_per_step or known.get(_family(recipe)) or seconds_per_step
        lines.append(_instructions(recipe, missing.get(recipe, []), seconds))
    if not missing:
        lines.append('Nothing.\n')
    return '\n'.join(lines)


def _in_order(missing: Mapping[str, list[Cell]], results: Path) -> list[str]:
    """Recipes to run: those of missing cells, each after the one that it starts from."""
    plan: list[str] = []

    def add(recipe: str) -> None:
        start = Path(_start(recipe))
        if start.parts[0] == 'work_dirs' and not results.joinpath(*start.parts[1:]).is_file():
            add(recipe_named(start.parts[1]))
        if recipe not in plan:
            plan.append(recipe)

    for recipe in missing:
        add(recipe)
    return plan


def _conversions(plan: list[str]) -> list[str]:
    """Lines about the checkpoints that recipes start from."""
    starts = dict.fromkeys(_start(recipe) for recipe in plan)
    lines = []
    for start in map(Path, starts):
        if start.parts[0] != 'checkpoints' or (ROOT / start).is_file():
            continue
        official, recipe = CONVERTED[start.stem]
        _, iterations = _effort(recipe)
        lines.append(
            f'- `{start}`: the official `{official}`, converted; or `configs/{recipe}.py`, then '
            f'`--cfg-options load_from=work_dirs/{Path(recipe).name}/iter_{iterations}.pth`\n\n'
            f'      python tools/model_converters/official_to_mmtmt.py {official} {start} '
            '--vocabulary coco\n')
    return lines


def _instructions(recipe: str, cells: list[Cell], seconds: float | None) -> str:
    """What it takes to run a recipe; without cells it is a stage before others."""
    gpus, iterations = _effort(recipe)
    hours = ('no step was measured' if seconds is None
             else f'{iterations * seconds / 3600:.1f} hours at {seconds:.2f} s a step')
    columns = ', '.join(dict.fromkeys(cell.column for cell in cells)) or 'a stage before others'
    name = Path(recipe).name
    work_dir = f'work_dirs/{name}'
    amp = ' --amp' if _config(recipe).model.type != 'IDOL' else ''
    text = (f'- `{name}` ({columns}): {gpus} GPUs, {iterations} iterations, {hours}; starts from '
            f'`{_start(recipe)}`\n\n'
            f'      tools/dist_train.sh configs/{recipe}.py {gpus}{amp}\n')
    if cells:
        text += (f'      tools/dist_test.sh configs/{recipe}.py '
                 f'{work_dir}/iter_{iterations}.pth {gpus} --out {work_dir}/results.json\n')
    return text


def recipe_named(name: str) -> str:
    """A recipe by its file name.

    Args:
        name: Without suffix.

    Returns:
        Its path below configs, without suffix.

    Raises:
        ValueError: If there isn't exactly one.
    """
    paths = list((ROOT / 'configs').rglob(f'{name}.py'))
    if len(paths) != 1:
        raise ValueError(f'expected one recipe {name}.py below configs, found {len(paths)}')
    return str(paths[0].relative_to(ROOT / 'configs').with_suffix(''))


@cache
def _config(recipe: str) -> Config:
    return Config.fromfile(ROOT / 'configs' / f'{recipe}.py', format_python_code=False)


def _start(recipe: str) -> str:
    """The checkpoint that a recipe starts from."""
    return _config(recipe).get('load_from') or 'ImageNet weights'


def _family(recipe: str) -> str:
    """Method and backbone of a recipe, which tell how long a step takes."""
    return re.split(r'_\d+xb\d+', Path(recipe).name)[0]


def _effort(recipe: str) -> tuple[int, int]:
    """GPUs, by the recipe's name, and iterations."""
    found = re.search(r'_(\d+)xb\d+', recipe)
    if found is None:
        raise ValueError(f'{recipe}: expected a name that tells GPUs and batch size, as in _8xb2')
    return int(found.group(1)), _config(recipe).train_cfg.max_iters


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('results', type=Path, help='folder with a folder per run, as work_dirs')
    parser.add_argument('--tables', nargs='+', type=int, help='numbers; default: all')
    parser.add_argument('--seconds-per-step', type=float,
                        help='to estimate hours where no step was measured')
    parser.add_argument('--out', type=Path, help='also write to this file')
    args = parser.parse_args()
    if not args.results.is_dir():
        parser.error(f'expected a folder of runs, {args.results} is none')
    tables = load_tables()
    unknown = set(args.tables or ()) - {table.number for table in tables}
    if unknown:
        parser.error(f'expected tables among {[table.number for table in tables]}, '
                     f'got {sorted(unknown)}')
    tables = [table for table in tables if not args.tables or table.number in args.tables]
    recipes = {cell.recipe for table in tables for row in table.rows for cell in row.cells.values()}
    runs = {recipe: Run(args.results / Path(recipe).name) for recipe in sorted(recipes)}
    parts = [format_table(table, runs) for table in tables]
    parts.append(list_missing(tables, runs, args.seconds_per_step, args.results))
    text = 'AP in percent; `-` where nothing was published or measured.\n\n' + '\n'.join(parts)
    print(text)
    if args.out:
        args.out.write_text(text)


if __name__ == '__main__':
    main()
