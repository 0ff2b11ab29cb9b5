"""Writes docs/model_zoo.md from the metafiles of the recipes.

python tools/analysis_tools/model_zoo.py            # write
python tools/analysis_tools/model_zoo.py --check    # exit 1 if the page is not up to date
"""

import argparse
import sys
from functools import partial
from pathlib import Path
from unittest import mock

import torch
import yaml
from mmengine.config import Config
from torch import nn

from mmtmt.registry import MODELS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / 'docs' / 'model_zoo.md'
# Millions, as the TMT-VIS paper states them. It doesn't name the base of its 255; they are 8 more
# than VITA's.
PUBLISHED_SIZES = {'mask2former-vis_swin-l': 216, 'vita_swin-l': 247, 'tmt-vis_vita_swin-l': 255}
INTRODUCTION = """# Model zoo

Every recipe of this package. Results marked "(paper)" are numbers that the methods' authors
published; results without that word were measured with this code, by training the recipe as it
stands. Where nothing was measured, nothing is stated. AP in percent. The small recipes, those of
`demo_synth` and `clips`, have pages of their own: [benchmarks](benchmarks.md#demo) and
[clips](clips.md).

`python tools/analysis_tools/paper_tables.py work_dirs` puts your own runs into the tables of the
TMT-VIS paper, beside its numbers, and lists what it takes to run the rest.
`python tools/analysis_tools/model_zoo.py` makes this page.
"""
PAPER = ' (paper)'


def read_metafiles() -> list[tuple[Path, dict]]:
    """The metafiles of all methods.

    Returns:
        Their folders and contents.
    """
    paths = sorted((ROOT / 'configs').glob('*/metafile.yml'))
    return [(path.parent, yaml.safe_load(path.read_text())) for path in paths]


def format_method(folder: Path, metafile: dict) -> str:
    """The recipes of one method in Markdown.

    Args:
        folder: Of the method.
        metafile: Its content.

    Returns:
        A section.
    """
    collection = metafile['Collections'][0]
    paper = collection['Paper']
    head = ['recipe', 'backbone', 'training data', 'iterations', 'batch', 'results']
    lines = [head, ['---'] * len(head)]
    for model in metafile['Models']:
        data = model.get('Metadata', {})
        trained = data.get('Training Data', '')
        lines.append([
            f'[{model["Name"]}](../{model["Config"]})', data.get('Backbone', ''),
            ', '.join(trained) if isinstance(trained, list) else trained,
            str(data.get('Iterations', '')), str(data.get('Batch Size', '')), _results(model)])
    table = '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)
    return (f'## {collection["Name"]}\n\n[{paper["Title"]}]({paper["URL"]}); '
            f'[configs/{folder.name}](../{collection["README"]})\n\n{table}\n')


def _results(model: dict) -> str:
    """`OVIS: AP 16.5 (paper), ...` of a recipe."""
    parts = []
    for result in model.get('Results', ()):
        metrics = ', '.join(
            f'{name.removesuffix(PAPER)} {value}{PAPER if name.endswith(PAPER) else ""}'
            for name, value in result['Metrics'].items())
        parts.append(f'{result["Dataset"]}: {metrics}')
    return '; '.join(parts)


def format_sizes(metafiles: list[tuple[Path, dict]]) -> str:
    """Parameters of one recipe for each method and backbone.

    Args:
        metafiles: Of all methods.

    Returns:
        A section.
    """
    rows = {}
    for _, metafile in metafiles:
        for model in metafile['Models']:
            name = model['Name'].split('_')
            family = '_'.join(name[:2 if name[0] != 'tmt-vis' else 3])
            backbone = model.get('Metadata', {}).get('Backbone', '')
            if backbone in ('ResNet-50', 'Swin-L') and family not in rows:
                rows[family] = (model, backbone)
    lines = [['model', 'backbone', 'millions of parameters', 'published'], ['---'] * 4]
    sizes = {}
    for family, (model, backbone) in sorted(rows.items()):
        published = PUBLISHED_SIZES.get(family)
        sizes[family] = count_parameters(ROOT / model['Config'])
        lines.append(
            [f'`{family}`', backbone, f'{sizes[family][""]:.1f}', str(published or '')])
    table = '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)
    return ('## Sizes\n\nParameters of the model that a recipe builds, which grow a little with '
            f'the number of categories.\n\n{table}\n\n{explain_gap(sizes)}\n')


def explain_gap(sizes: dict[str, dict[str, float]]) -> str:
    """Why the rows of VITA have less than was published.

    Args:
        sizes: By method and backbone, see `count_parameters`.

    Returns:
        A paragraph.
    """
    vita, aware = sizes['vita_swin-l'], sizes['tmt-vis_vita_swin-l']
    gap, increase = (PUBLISHED_SIZES[family] - size[''] for family, size in (
        ('vita_swin-l', vita), ('tmt-vis_vita_swin-l', aware)))
    return (
        f'The rows of VITA have {gap:.0f} and {increase:.0f} million less than was published. '
        f'VITA is Mask2Former and a clip decoder of {vita["clip_decoder"]:.1f} million: '
        f'{vita["clip_decoder.encoder"]:.1f} in the object encoder, '
        f'{vita["clip_decoder.layers"]:.1f} in the decoder layers, the rest in heads, queries and '
        'projections. The released code of VITA has the same entries, name by name and shape by '
        f'shape, so the other {gap:.0f} million are not in it; the paper does not say what it '
        'counts. TMT-VIS adds '
        f'{aware["decoder.compilation"]:.1f} (compilation, two blocks of attention and '
        f'feed-forward) and {aware["decoder.injection"]:.1f} (injection, one block) where '
        f'{PUBLISHED_SIZES["tmt-vis_vita_swin-l"] - PUBLISHED_SIZES["vita_swin-l"]} were '
        'published, about the size of six such blocks; its text describes three.')


def count_parameters(config: Path) -> dict[str, float]:
    """Millions of parameters, without taking memory for them.

    Args:
        config: A recipe.

    Returns:
        By part of the model, frozen ones included; '' is all of it.
    """
    # mmdet's Swin reads numbers out of a linspace, which needs memory
    with torch.device('meta'), mock.patch(
            'torch.linspace', partial(torch.linspace, device='cpu')):
        model: nn.Module = MODELS.build(Config.fromfile(config).model)
    return {name: sum(parameter.numel() for parameter in part.parameters()) / 1e6
            for name, part in model.named_modules()}


def main() -> None:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--check', action='store_true', help='write nothing, compare')
    args = parser.parse_args()
    metafiles = read_metafiles()
    sections = [format_method(folder, metafile) for folder, metafile in metafiles]
    page = '\n'.join([INTRODUCTION, *sections, format_sizes(metafiles)])
    if not args.check:
        PAGE.write_text(page)
    elif not PAGE.exists() or PAGE.read_text() != page:
        sys.exit(f'{PAGE} is not up to date: run python tools/analysis_tools/model_zoo.py')


if __name__ == '__main__':
    main()
