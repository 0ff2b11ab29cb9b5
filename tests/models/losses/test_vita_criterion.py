"""VITA's clip losses: rows over all frames, pairs of similar queries."""
import pytest
import torch
import torch.nn.functional as F

from mmtmt.models.losses import (
    EmbeddedPrediction,
    GenVISCriterion,
    LabelSpace,
    SimilarityInputs,
    TrackedTarget,
    VideoSetCriterion,
    VITACriterion,
)
from mmtmt.models.losses.point_sampling import uncertain_points
from mmtmt.models.losses.similarity import similarity_loss


def test_similarity_is_the_mean_over_the_pairs_of_a_clip():
    embeds = [torch.randn(3, 4), torch.randn(2, 4)]
    instances = [torch.tensor([0, 1, 0]), torch.tensor([0, 0])]
    losses = []
    for rows, owners in zip(embeds, instances):
        for first, one in zip(rows, owners):
            for second, other in zip(rows, owners):
                losses.append(F.binary_cross_entropy_with_logits(
                    first @ second, (one == other).float()))
    assert len(losses) == 13
    torch.testing.assert_close(similarity_loss(embeds, instances), torch.stack(losses).mean())


def test_points_are_drawn_for_losses_alone(monkeypatch):
    prediction, target, space, _ = make_inputs(layers=1)
    criterion = VITACriterion(num_points=50)
    torch.manual_seed(1)
    expected = criterion.assign([prediction], [target], space)
    monkeypatch.setattr(criterion, '_draw_loss_points', None)
    torch.manual_seed(1)
    found = criterion.assign([prediction], [target], space, for_losses=False)
    assert found[0].draws is None
    assert all(torch.equal(ours, theirs) for ours, theirs
               in zip(found[0].matches[0], expected[0].matches[0]))


def make_inputs(objects=2, frames=3, layers=2, dims=8):
    """Predictions of one stage and targets of one clip."""
    torch.manual_seed(0)
    features = torch.randn(frames, dims, 6, 8)
    prediction = EmbeddedPrediction(
        torch.randn(layers, 5, 4, requires_grad=True),
        torch.randn(layers, 5, dims, requires_grad=True), [features] * layers)
    masks = torch.zeros(objects, frames, 24, 32)
    for index in range(objects):
        masks[index, :, 4 * index:4 * index + 8, 5:20] = 1
    target = TrackedTarget(torch.arange(objects), masks)
    matches = [(torch.arange(objects), torch.arange(objects))] * (layers * frames)
    similarity = SimilarityInputs(
        torch.randn(layers, frames, 5, dims, requires_grad=True),
        torch.randn(layers, 5, dims, requires_grad=True), matches)
    return prediction, target, LabelSpace(torch.ones(1, 3, dtype=torch.bool)), similarity


def test_one_frame_gives_the_losses_of_mask2former():
    prediction, target, space, similarity = make_inputs(frames=1, layers=1)
    losses = {}
    for criterion in (VITACriterion(num_points=50), VideoSetCriterion(num_points=50)):
        torch.manual_seed(1)
        extra = (similarity, ) if isinstance(criterion, VITACriterion) else ()
        losses[type(criterion)] = criterion([prediction], [target], space, *extra)
    for name, value in losses[VideoSetCriterion].items():
        torch.testing.assert_close(losses[VITACriterion][name], value)


def test_frames_of_an_instance_are_one_row():
    prediction, target, space, similarity = make_inputs(layers=1)
    criterion = VITACriterion(num_points=50)
    torch.manual_seed(1)
    losses = criterion([prediction], [target], space, similarity)
    torch.manual_seed(1)
    assigned = criterion.assign([prediction], [target], space)[0]
    queries, instances = assigned.matches[0]
    masks = prediction.masks(0, queries)
    rows = masks.transpose(0, 1).flatten(0, 1)[:, None]
    chosen = uncertain_points(rows, assigned.draws)
    total = torch.zeros(())
    for row, instance in enumerate(instances):
        # points of the frames of one instance, joined
        start = row * target.masks.shape[1]
        points = chosen[start:start + target.masks.shape[1]] * 2 - 1
        logits, wanted = (
            F.grid_sample(maps[:, None], points[:, None], align_corners=False).flatten()
            for maps in (masks[:, row], target.masks[instance]))
        probability = logits.sigmoid()
        total += 1 - (2 * (probability * wanted).sum() + 1) / (probability.sum() + wanted.sum() + 1)
    torch.testing.assert_close(losses['loss_dice'], 5 * total / 2)


@pytest.mark.parametrize('kind', [VITACriterion, GenVISCriterion])
def test_a_batch_without_objects(kind):
    prediction, target, space, similarity = make_inputs(objects=0)
    losses = kind(num_points=50)([prediction], [target], space, similarity)
    total = sum(losses.values())
    assert total.isfinite() and losses['loss_mask'] == losses['loss_similarity'] == 0
    total.backward()
    assert all(value.grad is not None for value in (
        prediction.class_logits, prediction.mask_embeds, similarity.frames, similarity.clips))


def test_an_instance_that_returns_finds_its_query():
    prediction, video, space, similarity = make_inputs(frames=3, layers=1)
    video.masks[1, 0] = 0  # appears in the second clip, goes in the third
    video.masks[1, 2] = 0
    criterion = GenVISCriterion(num_points=50)
    found = []
    for frame in range(3):
        target = video.select_frames(slice(frame, frame + 1))
        clip = EmbeddedPrediction(prediction.class_logits, prediction.mask_embeds,
                                  [prediction.mask_features[0][frame:frame + 1]])
        with torch.no_grad():
            queries, instances = criterion.assign([clip], [target], space)[0].matches[0]
        found.append(dict(zip(instances.tolist(), queries.tolist())))
    assert [sorted(pairs) for pairs in found] == [[0], [0, 1], [0]]
    assert len({pairs[0] for pairs in found}) == 1
    assert found[1][1] != found[1][0]
