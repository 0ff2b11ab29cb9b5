"""Making text banks, and adding words to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from mmtmt.models.text_encoders.base import (
    DEFAULT_TEMPLATE,
    TextEncoder,
    embed_phrases,
    templates_of,
)
from mmtmt.models.text_encoders.category_texts import check_encoder
from mmtmt.taxonomy import Category, TextBank, Vocabulary, load_vocabulary

OFFICIAL = ('ytvis19', 'ytvis21', 'ovis', 'uvo', 'coco')


def collect_categories(vocabularies: Iterable[str | Vocabulary]) -> list[Category]:
    """List the categories of vocabularies, one of each key.

    Args:
        vocabularies: What `mmtmt.taxonomy.load_vocabulary` takes.

    Returns:
        The categories, first seen first.
    """
    found: dict[str, Category] = {}
    for vocabulary in vocabularies:
        for category in load_vocabulary(vocabulary).categories:
            found.setdefault(category.key, category)
    return list(found.values())


def build_bank(
    encoder: TextEncoder,
    vocabularies: Iterable[str | Vocabulary] = (),
    template: str = DEFAULT_TEMPLATE,
    **described: str,
) -> TextBank:
    """Embed the official label spaces, and more vocabularies.

    The official ones are always there, since the mean that whitening subtracts is theirs: it
    doesn't depend on what else is in the bank, and of a handful of names it would be arbitrary.

    Args:
        encoder: The encoder.
        vocabularies: Further vocabularies.
        template: How phrases are presented, see `templates_of`.
        **described: Further attributes of the bank: model, tag, license.

    Returns:
        The bank.
    """
    official = collect_categories(OFFICIAL)
    categories = collect_categories([*OFFICIAL, *vocabularies])
    template = '\n'.join(templates_of(template))
    rows = embed_phrases(encoder, [c.text for c in categories], template)
    return TextBank.from_arrays(
        [c.key for c in categories],
        rows,
        encoder.name,
        mean=np.mean(rows[: len(official)], axis=0),
        names=tuple(c.name for c in categories),
        texts=tuple(c.text for c in categories),
        template=template,
        **described,
    )


def add_to_bank(
    bank: TextBank, vocabularies: Iterable[str | Vocabulary], encoder: TextEncoder
) -> TextBank:
    """Embed what a bank misses of some vocabularies.

    Args:
        bank: The bank.
        vocabularies: The vocabularies.
        encoder: The encoder that wrote the bank.

    Returns:
        The longer bank; the same one if nothing was missing.

    Raises:
        EncoderError: If the encoder is another one.
    """
    check_encoder(bank, encoder)
    # Rows that only fill a gap are written anew.
    new = [
        c for c in collect_categories(vocabularies)
        if c.key not in bank or c.key in bank.placeholders
    ]  # fmt: skip
    if not new:
        return bank
    gaps = {c.key for c in new} & bank.placeholders
    if gaps:
        kept = [i for i in range(len(bank)) if bank.keys[i] not in gaps]
        bank = replace(
            bank,
            keys=tuple(bank.keys[i] for i in kept),
            embeddings=bank.embeddings[kept],
            texts=tuple(bank.texts[i] for i in kept),
            names=tuple(bank.names[i] for i in kept) if bank.names else (),
            placeholders=bank.placeholders - gaps,
        )
    rows = embed_phrases(encoder, [c.text for c in new], bank.template)
    return bank.extended(Vocabulary('added', tuple(new), tuple(range(1, len(new) + 1))), rows)
