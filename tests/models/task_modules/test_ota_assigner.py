"""Assignment of several queries per object, beside the reference numbers of `building_blocks_*`."""
import torch

from mmtmt.models.task_modules import ContrastSelector, OTAAssigner
from mmtmt.models.task_modules.ota_assigner import (
    assign_dynamically,
    collect_costs,
    pair_costs,
)

TARGETS = torch.tensor([[0.3, 0.3, 0.2, 0.2], [0.7, 0.7, 0.2, 0.2]])
LABELS = torch.tensor([0, 1])


def costs_of(*args):
    return collect_costs([pair_costs(*args)])[0]


def detections(num_queries=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, num_queries, 3, generator=generator)
    boxes = torch.rand(1, num_queries, 4, generator=generator) * 0.2
    boxes[..., :2] += torch.rand(1, num_queries, 2, generator=generator) * 0.8
    # each object has a few boxes close by
    for place, target in enumerate(TARGETS):
        boxes[0, 5 * place:5 * place + 5] = target + 0.01 * torch.randn(5, 4, generator=generator)
    return logits, boxes


def test_an_object_gets_as_many_queries_as_overlap_it():
    match = OTAAssigner()(costs_of(*detections(), LABELS, TARGETS))[0]
    for place in range(2):
        own = match.queries[match.objects == place].tolist()
        assert 3 <= len(own) <= 5 and all(5 * place <= query < 5 * place + 5 for query in own)
        assert match.best[place] in own
    assert match.queries.tolist() == sorted(match.queries.tolist())


def test_stages_are_assigned_apart():
    pairs = [detections(seed=seed) for seed in (0, 1)]
    joint = OTAAssigner()(costs_of(*(torch.cat(parts) for parts in zip(*pairs)), LABELS, TARGETS))
    for stage, pair in zip(joint, pairs):
        alone = OTAAssigner()(costs_of(*pair, LABELS, TARGETS))[0]
        assert all(torch.equal(a, b) for a, b in zip(stage, alone))


def test_a_query_that_two_objects_want_goes_to_the_cheaper():
    cost = torch.tensor([[1.0, 0.5], [9.0, 2.0], [3.0, 9.0]])
    iou = torch.tensor([[0.9, 0.9], [0.0, 0.9], [0.2, 0.0]])
    assigned = assign_dynamically(cost, iou, 10)
    # the first object is left without, and takes the cheapest query that is free
    assert assigned.tolist() == [[False, True], [False, False], [True, False]]


def test_every_object_gets_a_query():
    logits, boxes = detections()
    targets = torch.tensor([[0.95, 0.05, 0.01, 0.01], *TARGETS.tolist()])
    match = OTAAssigner()(costs_of(logits, boxes, torch.tensor([2, 0, 1]), targets))[0]
    assert set(match.objects.tolist()) == {0, 1, 2}


def test_odd_numbers():
    logits, boxes = (part[:, :3] for part in detections())
    match = OTAAssigner()(costs_of(logits, boxes, LABELS[:0], TARGETS[:0]))[0]
    assert [len(part) for part in match] == [0, 0, 0]
    # more objects than queries: it ends, and no query has two
    many = TARGETS.repeat(4, 1)
    match = OTAAssigner()(costs_of(logits, boxes, LABELS.repeat(4), many))[0]
    assert len(match.queries) == len(match.queries.unique()) <= 3 and len(match.best) == 8
    # what is not finite is reported by the loss, not here
    match = OTAAssigner()(costs_of(logits * torch.nan, boxes, LABELS, TARGETS))[0]
    assert len(match.best) == 2


def test_negatives_leave_out_what_is_related():
    logits, boxes = (part[0] for part in detections())
    choice = ContrastSelector()(costs_of(logits, boxes, LABELS, TARGETS))
    assert not (choice.positive & choice.negative).any()
    assert bool((choice.positive.sum(1) >= 1).all())
    wider = ContrastSelector(positive_candidates=100)(costs_of(logits, boxes, LABELS, TARGETS))
    assert torch.equal(wider.positive, ~wider.negative)
    nothing = ContrastSelector()(costs_of(logits, boxes, LABELS[:0], TARGETS[:0]))
    assert nothing.positive.shape == (0, 40)
