"""Class rows follow their categories from one union to another."""

import logging

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmtmt.engine import VISRunner, load_into
from mmtmt.engine.checkpoint import CheckpointError
from tests.engine.toy import ToyModel, toy_config


class Classifier(nn.Module):
    """Class rows and the no-object row, with the names that checkpoints use."""

    def __init__(self, keys):
        super().__init__()
        self.keys = keys
        self.body = nn.Linear(3, 3)
        self.head = nn.Module()
        self.head.cls_embed = nn.Linear(3, len(keys) + 1)

    def taxonomy_state(self):
        return {'keys': self.keys}


class Reader(Classifier):
    """A classifier that reads text embeddings."""

    def __init__(self, keys, **text_bank):
        super().__init__(keys)
        self.text_bank = text_bank

    def taxonomy_state(self):
        return {'keys': self.keys, 'text_bank': self.text_bank}


def checkpoint_of(model):
    return {
        'meta': {'taxonomy': model.taxonomy_state()},
        'state_dict': {name: value.clone() for name, value in model.state_dict().items()},
    }


def test_rows_are_reordered_by_key_once():
    old, new = Classifier(['cat', 'dog']), Classifier(['dog', 'emu', 'cat'])
    fresh = new.head.cls_embed.weight.detach().clone()
    checkpoint = checkpoint_of(old)
    assert load_into(new, checkpoint).complete
    rows, source = new.head.cls_embed.weight, old.head.cls_embed.weight
    assert torch.equal(rows[[0, 2, 3]], source[[1, 0, 2]])
    assert torch.equal(rows[1], fresh[1])
    load_into(new, checkpoint)  # the checkpoint now says that it has the new order
    assert torch.equal(new.head.cls_embed.weight[[0, 2, 3]], source[[1, 0, 2]])


def test_a_test_needs_the_rows_of_all_categories():
    checkpoint = checkpoint_of(Classifier(['cat', 'dog']))
    checkpoint['meta']['taxonomy']['vocabularies'] = [{'name': 'pets'}]
    expected = r"no rows of 1 categories \(emu\).*vocabularies=\['pets'\]"
    with pytest.raises(ValueError, match=expected):
        load_into(Classifier(['dog', 'emu', 'cat']), checkpoint, strict=True)
    checkpoint = checkpoint_of(Classifier(['cat', 'dog']))
    assert load_into(Classifier(['dog']), checkpoint, strict=True).complete
    checkpoint = checkpoint_of(Classifier(['cat', 'dog']))
    del checkpoint['state_dict']['head.cls_embed.weight']
    del checkpoint['state_dict']['head.cls_embed.bias']
    reader = Reader(['dog', 'emu'])
    del reader.head  # reads its categories from text, and needs no row for a new one
    assert load_into(reader, checkpoint, strict=True).complete


def test_rows_whose_categories_nobody_states_are_reported(monkeypatch):
    warnings = []
    monkeypatch.setattr(
        'mmtmt.engine.weights.print_log',
        lambda text, logger, level: level >= logging.WARNING and warnings.append(text))
    checkpoint = checkpoint_of(Classifier(['cat', 'dog']))
    del checkpoint['meta']
    for _ in range(2):
        load_into(Classifier(['dog', 'cat']), checkpoint, source='official.pth')
    assert len(warnings) == 1
    assert warnings[0].startswith("official.pth doesn't say which categories")
    load_into(Classifier(['dog', 'cat']), checkpoint['state_dict'])
    assert len(warnings) == 2


def test_what_does_not_fit_is_reported():
    old, new = Classifier(['cat']), Classifier(['cat'])
    checkpoint = checkpoint_of(old)
    checkpoint['state_dict'].pop('body.bias')
    checkpoint['state_dict']['extra'] = torch.ones(1)
    report = load_into(new, checkpoint)
    assert report.missing == ['body.bias'] and report.unexpected == ['extra']
    with pytest.raises(ValueError, match=r'missing \(body.bias\), 1 unexpected \(extra\)'):
        load_into(new, checkpoint, strict=True)
    with pytest.raises(ValueError, match='does not fit Linear'):
        load_into(nn.Linear(9, 9), checkpoint)


def test_the_type_of_another_model_is_named():
    # every entry fits, as between models that differ in how they use the same modules
    checkpoint = {**checkpoint_of(Classifier(['cat'])), 'meta': {'model': 'Tracker'}}
    with pytest.raises(ValueError, match='mine.pth does not fit Classifier.*weights of Tracker'):
        load_into(Classifier(['cat']), checkpoint, strict=True, source='mine.pth')
    assert load_into(Classifier(['cat']), checkpoint).complete  # as a start they are welcome
    with pytest.raises(ValueError, match='does not fit Linear.*weights of Tracker: 0 entries'):
        load_into(nn.Linear(9, 9), checkpoint)
    checkpoint['meta']['model'] = 'Classifier'
    load_into(Classifier(['cat']), checkpoint, strict=True)


@pytest.mark.parametrize(('names', 'message'), [
    (['clip_decoder.memory_key.weight', 'decoder.head.cls_embed.bias'], 'weights of GenVIS: '),
    (['clip_decoder.query_feat.weight', 'decoder.head.cls_embed.bias'], 'weights of VITA: '),
    (['reid_head.0.weight', 'decoder.layers.0.norms.0.weight'], 'weights of IDOL: '),
    (['decoder.decoder.head.cls_embed.bias'], 'weights of Mask2FormerVIS or MinVIS: '),
    (['module.decoder.head.cls_embed.bias'], 'weights of Mask2FormerVIS or MinVIS: '),
    (['sem_seg_head.predictor.query_feat.weight'], 'weights of the official code, not converted: '),
    (['panoptic_head.query_feat.weight'], "weights of mmdet's Mask2Former, not converted: "),
    (['conv1.weight'], 'entries: 0 entries loaded'),
])
@pytest.mark.parametrize('entry', ['state_dict', 'model'])
def test_the_model_is_guessed_where_the_checkpoint_does_not_tell(names, message, entry):
    weights = {entry: {name: torch.ones(1) for name in names}}
    with pytest.raises(ValueError, match='does not fit Classifier') as error:
        load_into(Classifier(['cat']), weights)
    assert message in str(error.value)


def test_a_guess_refuses_nothing():
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.reid_head = nn.Linear(2, 2)

    assert load_into(Other(), {'state_dict': Other().state_dict()}, strict=True).complete


def test_a_text_bank_to_which_words_were_added_is_the_same(monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmtmt.engine.weights.print_log',
        lambda message, logger, level: messages.append(message) if level else None,
    )
    checkpoint = checkpoint_of(Reader(['cat'], hash='a', origin='x', encoder='one'))
    load_into(Reader(['cat'], hash='b', origin='x', encoder='one'), checkpoint)
    assert not [m for m in messages if 'text_bank' in m]
    load_into(Reader(['cat'], hash='b', origin='y', encoder='one'), checkpoint)
    assert any('hash b instead of a' in m for m in messages)


def test_another_text_bank_is_reported(monkeypatch):
    warnings = []
    monkeypatch.setattr(
        'mmtmt.engine.weights.print_log',
        lambda text, logger, level: level >= logging.WARNING and warnings.append(text))
    checkpoint = checkpoint_of(Reader(['cat'], hash='a', encoder='one'))
    load_into(Reader(['cat'], hash='a', encoder='one', center=True), checkpoint)
    assert not warnings
    load_into(Reader(['cat'], hash='b', encoder='one', scale=False), checkpoint)
    assert 'scale False instead of True' in warnings[0] and 'hash b instead of a' in warnings[0]


def test_a_runner_reports_another_text_bank_once(tmp_path, monkeypatch):
    warnings = []
    monkeypatch.setattr(
        'mmtmt.engine.weights.print_log',
        lambda text, logger, level: level >= logging.WARNING and warnings.append(text))
    saved = tmp_path / 'saved.pth'
    torch.save(checkpoint_of(Reader(['cat'], hash='a')), saved)
    runner = VISRunner.from_cfg(Config(toy_config(tmp_path, custom_hooks=[])))
    runner.model = Reader(['cat'], hash='b')
    runner.load_checkpoint(str(saved))
    assert len([text for text in warnings if 'text_bank' in text]) == 1


def test_names_of_ddp_are_understood():
    model = nn.Linear(2, 2)
    weights = {f'module.{name}': torch.zeros_like(v) for name, v in model.state_dict().items()}
    assert load_into(model, {'state_dict': weights}, strict=True).complete
    assert not model.weight.any()


@pytest.mark.parametrize('keys', [['dog', 'cat'], ['dog', 'emu', 'cat']])
def test_rows_are_reordered_under_names_of_ddp_too(keys):
    old, new = Classifier(['cat', 'dog']), Classifier(keys)
    checkpoint = checkpoint_of(old)
    checkpoint['state_dict'] = {f'module.{n}': v for n, v in checkpoint['state_dict'].items()}
    assert load_into(new, checkpoint).complete
    rows, source = new.head.cls_embed.weight, old.head.cls_embed.weight
    assert torch.equal(rows[[keys.index('cat'), keys.index('dog'), -1]], source)


def test_resume_with_other_categories_is_refused(tmp_path):
    train = dict(type='ToyModel', keys=['cat', 'dog'])
    VISRunner.from_cfg(Config(toy_config(tmp_path, model=train))).train()
    saved, *_ = tmp_path.glob('iter_*.pth')
    assert torch.load(saved, weights_only=True)['meta']['model'] == 'ToyModel'
    other = toy_config(tmp_path, model=dict(type='ToyModel', keys=['dog', 'cat']), resume=True)
    with pytest.raises(ValueError, match='another union of categories.*load_from'):
        VISRunner.from_cfg(Config(other)).train()
    assert ToyModel(keys=['cat']).taxonomy_state() == {'keys': ['cat']}


def test_entries_that_would_be_lost_are_refused_unless_allowed():
    model = Classifier(['cat'])
    checkpoint = checkpoint_of(model)
    more = {'extra.head.weight': torch.ones(1), 'extra.head.bias': torch.ones(1)}
    checkpoint['state_dict'].update(more)
    with pytest.raises(ValueError, match='2 of its entries .extra.head.weight.*lost') as error:
        load_into(model, checkpoint, source='x.pth', allow_unexpected=())
    assert "allow_unexpected=['extra.head']" in str(error.value)
    with pytest.raises(ValueError, match='1 of its entries .extra.head.bias'):
        load_into(model, checkpoint, allow_unexpected=['extra.head.w'])
    for allowed in (True, ['extra.'], ['other', 'extra.head.']):
        assert len(load_into(model, checkpoint, allow_unexpected=allowed).unexpected) == 2
    checkpoint['state_dict'].popitem()
    # What is missing may start fresh.
    assert load_into(Classifier(['cat']), checkpoint_of(model), allow_unexpected=()).complete


def test_a_small_part_of_a_model_is_taken_when_the_rest_is_named():
    model = torch.nn.Sequential()
    for part in ('cls', 'further', 'more'):
        model.add_module(part, torch.nn.Linear(2, 2))
    checkpoint = {'state_dict': {'cls.weight': torch.ones(2, 2), 'other.weight': torch.ones(1)}}
    for allowed in (True, False, ()):
        with pytest.raises(ValueError, match='does not fit'):
            load_into(model, checkpoint, allow_unexpected=allowed)
    assert load_into(model, checkpoint, allow_unexpected=['other.']).loaded == 1
    with pytest.raises(ValueError, match='does not fit'):
        load_into(model, {'other.weight': torch.ones(1)}, allow_unexpected=['other.'])


@pytest.mark.parametrize('change', [dict(encoder='two'), dict(center=False)])
def test_a_strict_load_refuses_texts_of_another_encoder(change):
    checkpoint = checkpoint_of(Reader(['cat'], hash='a', encoder='one'))
    other = Reader(['cat'], **{**dict(hash='b', encoder='one'), **change})
    with pytest.raises(CheckpointError, match='^saved.pth: model.text_bank is not the one of the'):
        load_into(other, checkpoint, strict=True, source='saved.pth')
    load_into(other, checkpoint)
    same_encoder = Reader(['cat'], hash='b', encoder='one')
    load_into(same_encoder, checkpoint_of(Reader(['cat'], hash='a', encoder='one')), strict=True)
