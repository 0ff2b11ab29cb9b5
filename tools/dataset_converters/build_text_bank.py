"""Make a text bank: embeddings of category names by a text encoder of open_clip.

Example:
    python tools/dataset_converters/build_text_bank.py --out data/clip.safetensors
    python tools/dataset_converters/build_text_bank.py data/zoo/train.json "zebra, red car" \
        --model ViT-B-32 --tag openai --template ensemble --out data/clip.safetensors
    python tools/dataset_converters/build_text_bank.py "okapi" --add data/clip.safetensors
    python tools/dataset_converters/build_text_bank.py --array lvis.npy --names lvis_names.txt \
        --model ViT-B-32 --tag openai --template "a {}" --out data/lvis.safetensors
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from mmtmt.taxonomy import TextBank, Vocabulary, parse_vocabulary, registered_vocabularies

MODEL, TAG = 'RN50', 'openai'  # 1024 numbers a name, as in the released code


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        'vocabularies',
        nargs='*',
        metavar='VOCABULARY',
        help='beside the official label spaces: a label space, a json file with categories, or '
        'names with commas between',
    )
    parser.add_argument('--out', type=Path, help='file to write, .safetensors; with --add: BANK')
    parser.add_argument('--model', help=f'architecture in open_clip; of a new bank {MODEL}')
    parser.add_argument('--tag', help=f'its weights in open_clip; of a new bank {TAG}')
    parser.add_argument(
        '--weights',
        type=Path,
        help='the weights on this machine: a file, or a folder as the hub has it',
    )
    parser.add_argument(
        '--template',
        help='how a name is presented, {} standing for it; or ensemble, ensemble80: the mean over '
        "open_clip's 7 or 80 prompts; of a new bank 'a photo of a {}.'",
    )
    parser.add_argument('--device', default='cpu', help='where the encoder runs')
    source = parser.add_mutually_exclusive_group()
    source.add_argument('--add', type=Path, metavar='BANK', help='add names to a bank')
    source.add_argument(
        '--array',
        type=Path,
        metavar='FILE',
        help='take the embeddings of others: .npy or .npz (K, d), with --names; or .npz with an '
        'array per label space. The vocabularies have to be among the names',
    )
    parser.add_argument(
        '--names',
        help='names of the rows of --array: a text file with one a line, a json list, or what '
        'VOCABULARY may be',
    )
    args = parser.parse_args()
    if args.out is None:
        args.out = args.add
    if args.out is None or args.out.suffix != '.safetensors':
        parser.error('--out: expected a file name that ends in .safetensors')
    if args.names and not args.array:
        parser.error('--names is of --array')
    return args


def read_names(names: str) -> list[str]:
    """Read the names of an array's rows.

    Args:
        names: As for ``--names``.

    Returns:
        The names, or their keys where a vocabulary gives them.

    Raises:
        ValueError: If a json list holds anything but text.
    """
    path, is_file = Path(names), os.path.isfile(names)  # also of text too long to name a file
    if path.suffix == '.json' and is_file:
        data = json.loads(path.read_text(encoding='utf-8-sig'))
        if isinstance(data, list):
            if not all(isinstance(name, str) for name in data):
                raise ValueError(f'{path}: expected a list of names')
            return data
    elif names not in registered_vocabularies() and is_file:
        return [line.strip() for line in path.read_text(encoding='utf-8-sig').splitlines() if line]
    return parse_vocabulary(names).keys


def bank_of_array(args: argparse.Namespace, vocabularies: list[Vocabulary]) -> TextBank:
    """Take the embeddings of others.

    Args:
        args: The command line.
        vocabularies: What has to be among them.

    Returns:
        The bank; it tells the encoder only when the command line does.
    """
    from mmtmt.models.text_encoders import templates_of

    names = read_names(args.names) if args.names else None
    encoder = f'open_clip {args.model} {args.tag}' if args.model and args.tag else None
    bank = TextBank.load(args.array, names=names, encoder=encoder)
    if encoder:
        bank = replace(bank, model=args.model, tag=args.tag)
    if args.template:
        texts = bank.texts or tuple(key.replace('_', ' ') for key in bank.keys)
        bank = replace(bank, template='\n'.join(templates_of(args.template)), texts=texts)
    for vocabulary in vocabularies:
        bank.lookup(vocabulary)
    return bank


def longer_bank(args: argparse.Namespace, vocabularies: list[Vocabulary]) -> TextBank:
    """Add names to a bank with the encoder that it records.

    Args:
        args: The command line.
        vocabularies: What to add.

    Returns:
        The bank.

    Raises:
        ValueError: If the command line asks for another encoder or template.
    """
    from mmtmt.models.text_encoders import add_to_bank, encoder_of, templates_of

    bank = TextBank.load(args.add)
    template = args.template and '\n'.join(templates_of(args.template))
    for option, asked, known in (
        ('--model', args.model, bank.model),
        ('--tag', args.tag, bank.tag),
        ('--template', template, bank.template),
    ):
        if asked not in (None, known):
            raise ValueError(
                f'{option} {asked!r}: the rows of {args.add} were made with {known!r}, and a bank '
                'holds rows of one kind'
            )
    return add_to_bank(bank, vocabularies, encoder_of(bank, args.weights, args.device))


def new_bank(args: argparse.Namespace, vocabularies: list[Vocabulary]) -> TextBank:
    """Embed the official label spaces and some vocabularies.

    Args:
        args: The command line.
        vocabularies: The vocabularies.

    Returns:
        The bank.
    """
    from mmtmt.models.text_encoders import DEFAULT_TEMPLATE, OpenClipEncoder, build_bank

    model, tag = args.model or MODEL, args.tag or TAG
    encoder = OpenClipEncoder(model, tag, args.weights, args.device)
    return build_bank(
        encoder, vocabularies, args.template or DEFAULT_TEMPLATE, model=model, tag=tag
    )


def main() -> None:
    """Make the bank and say what is in it."""
    args = parse_args()
    try:
        vocabularies = [parse_vocabulary(text) for text in args.vocabularies]
        make = longer_bank if args.add else bank_of_array if args.array else new_bank
        bank = make(args, vocabularies)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        bank.save(args.out)
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')
    texts = dict(zip(bank.keys, bank.texts))
    for category in (c for v in vocabularies for c in v.categories):
        if texts.get(category.key, category.text) != category.text:
            print(f'{category.name}: read as {texts[category.key]!r}, as it was before')
    prompts = bank.template.count('\n') + 1
    how = repr(bank.template) if prompts == 1 else f'the mean over {prompts} prompts'
    print(f'{args.out}: {len(bank)} rows of {bank.dim} by {bank.encoder}, {how}')


if __name__ == '__main__':
    main()
