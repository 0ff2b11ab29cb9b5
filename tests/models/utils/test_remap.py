"""Class rows follow their category key."""
import pytest
import torch

from mmtmt.models.utils import remap_class_rows


def rows(*values):
    return torch.tensor(values, dtype=torch.float32)[:, None]


def test_rows_move_by_key_and_no_object_stays_last():
    state = {'decoder.head.cls_embed.weight': rows(1, 2, 3, 9),
             'decoder.head.mask_embed.0.weight': rows(7)}
    model = {'decoder.decoder.head.cls_embed.weight': rows(-1, -2, -3, -4)}
    report = remap_class_rows(state, model, ['cat', 'dog', 'owl'], ['owl', 'fox', 'cat'])
    assert state['decoder.head.cls_embed.weight'].squeeze(1).tolist() == [3, -2, 1, 9]
    assert state['decoder.head.mask_embed.0.weight'].tolist() == [[7]]
    assert report == (['owl', 'cat'], ['fox'], ['dog'], ['decoder.head.cls_embed.weight'])


def test_row_count_is_checked():
    state = {'decoder.head.cls_embed.bias': torch.zeros(3)}
    with pytest.raises(ValueError, match='expected 3 categories'):
        remap_class_rows(state, state, ['a', 'b', 'c'], ['a'])


def test_rows_of_the_auxiliary_head_move_too():
    state = {'auxiliary_head.classifier.weight': rows(1, 2, 9)[..., None, None]}
    model = {'auxiliary_head.classifier.weight': torch.zeros(3, 1, 1, 1)}
    remap_class_rows(state, model, ['cat', 'dog'], ['dog', 'cat'])
    assert state['auxiliary_head.classifier.weight'].flatten().tolist() == [2, 1, 9]


def test_rows_of_a_classifier_that_the_model_lacks_are_left():
    state = {'auxiliary_head.classifier.bias': torch.tensor([1.0, 2.0, 9.0])}
    remap_class_rows(state, {}, ['cat', 'dog'], ['dog', 'cat'])
    assert state['auxiliary_head.classifier.bias'].tolist() == [1, 2, 9]


@pytest.mark.parametrize('name', ['bbox_head.cls_branches.2.bias', 'taxonomy_head.bias'])
def test_sigmoid_classifiers_have_no_row_for_no_object(name):
    state = {name: torch.tensor([1.0, 2.0])}
    remap_class_rows(state, {name: torch.zeros(3)}, ['cat', 'dog'], ['dog', 'fox', 'cat'])
    assert state[name].tolist() == [2, 0, 1]
    with pytest.raises(ValueError, match='expected 2 categories, got 3 rows'):
        remap_class_rows(state, state, ['cat', 'dog'], ['cat'])
