"""The auxiliary per-pixel loss, and the warm-up on it alone."""

from types import SimpleNamespace

import pytest
import torch

from mmtmt.engine.hooks import SemanticWarmupHook
from mmtmt.models.heads import SemanticHead
from mmtmt.models.losses import ClipTarget, LabelSpace

AUXILIARY = dict(type='SemanticHead', in_channels=32, loss_weight=2.0)


def test_label_map_takes_the_category_that_covers_a_cell():
    head = SemanticHead(num_classes=7, in_channels=4)
    masks = torch.zeros(2, 1, 4, 8)
    masks[0, 0, :, :2] = 1  # covers the first column of cells
    masks[1, 0, :2, 4:5] = 1  # a quarter of a cell: too little
    labels = head._label_map(ClipTarget(torch.tensor([3, 5]), masks), (2, 4))
    assert labels[0].tolist() == [[3, 7, 7, 7], [3, 7, 7, 7]]


def test_right_pixels_have_a_lower_loss():
    head = SemanticHead(num_classes=2, in_channels=3)
    with torch.no_grad():
        head.classifier.weight.copy_(8 * torch.eye(3)[:, :, None, None])
        head.classifier.bias.zero_()
    masks = torch.zeros(1, 1, 2, 2)
    masks[..., 0] = 1
    target = [ClipTarget(torch.tensor([1]), masks)]
    space = LabelSpace(torch.ones(1, 2, dtype=torch.bool))
    right = torch.zeros(1, 1, 3, 2, 2)
    right[:, :, 1, :, 0] = 1
    right[:, :, 2, :, 1] = 1
    wrong = right.flip(-1)
    assert head.loss(right, target, space) < 0.01 < head.loss(wrong, target, space)


def test_it_adds_one_loss_and_changes_no_other(build_model, make_batch):
    contents = [('synth_ytvis', (1, 2)), ('synth_uvo', ())]
    plain, helped = build_model(), build_model(auxiliary_head=AUXILIARY)
    helped.load_state_dict(plain.state_dict(), strict=False)
    torch.manual_seed(5)
    expected = plain.train()(**make_batch(plain, *contents), mode='loss')
    torch.manual_seed(5)
    found = helped.train()(**make_batch(helped, *contents), mode='loss')
    assert found.pop('loss_semantic') > 0
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_warmup_trains_on_it_alone_and_ends(build_model, make_batch):
    model = build_model(auxiliary_head=AUXILIARY).train()
    hook = SemanticWarmupHook(num_iters=3)
    names = {}
    for iteration in (0, 2, 3):
        hook.before_train_iter(SimpleNamespace(model=model, iter=iteration), 0)
        names[iteration] = set(model(**make_batch(model, ('synth_ovis', (1, ))), mode='loss'))
    assert names[0] == names[2] == {'loss_semantic'}
    assert {'loss_cls', 'loss_semantic'} < names[3]


def test_warmup_needs_the_head(build_model):
    hook = SemanticWarmupHook(num_iters=3)
    for model in (build_model(), torch.nn.Identity()):
        with pytest.raises(ValueError, match='auxiliary_head'):
            hook.before_train_iter(SimpleNamespace(model=model, iter=0), 0)
