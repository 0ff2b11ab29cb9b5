"""Every base trains and predicts in bfloat16 about as in float32; what must be exact is."""
from functools import partial

import pytest
import torch

from mmtmt.models.heads import BoxHead, DynamicMaskHead
from mmtmt.models.losses.contrastive import contrastive_losses
from mmtmt.models.losses.similarity import similarity_loss
from mmtmt.models.task_modules.contrast_selector import ContrastChoice
from mmtmt.models.taxonomy_modules.text_classifier import TextClassifier
from mmtmt.models.trackers.chunk_linking import shared_overlaps
from mmtmt.models.trackers.suppression import mask_overlaps
from tests.models.toy_idol import build_idol

KINDS = ['Mask2FormerVIS', 'MinVIS', 'VITA', 'GenVIS', 'IDOL']


@pytest.mark.parametrize('kind, options', [
    *((kind, {}) for kind in KINDS),
    *((kind, dict(classifier='text')) for kind in KINDS[:4]),
])
def test_bfloat16_gives_about_the_same(build_model, make_video, kind, options):
    model = build_idol() if kind == 'IDOL' else build_model(type=kind, **options)
    tubes = []
    for enabled in (False, True):
        source, sample = make_video(4)
        with torch.autocast('cpu', torch.bfloat16, enabled=enabled):
            tubes.append(model.predict([source], [sample])[0].pred_tubes)
    exact, mixed = (found.scores.sort(descending=True).values[:5] for found in tubes)
    assert mixed.dtype == torch.float32 and not torch.equal(exact, mixed)
    torch.testing.assert_close(exact, mixed, rtol=0.05, atol=0.02)


@pytest.mark.parametrize('taxonomy_aware', [True, False])
@pytest.mark.parametrize('kind', KINDS)
def test_training_in_bfloat16_loses_about_the_same(build_model, make_batch, kind, taxonomy_aware):
    steps = []
    for enabled in (False, True):
        build = build_idol if kind == 'IDOL' else partial(build_model, type=kind)
        model = build(taxonomy_aware=taxonomy_aware).train()
        batch = make_batch(model, ('synth_ytvis', (1, 2)), ('synth_ovis', (3, )))
        torch.manual_seed(1)
        with torch.autocast('cpu', torch.bfloat16, enabled=enabled):
            losses = model(**batch, mode='loss')
        total = model.parse_losses(losses)[0]
        total.backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        assert all(gradient.isfinite().all() for gradient in gradients)
        norm = torch.nn.utils.get_total_norm(gradients)
        steps.append((total.item(), norm.item(), len(gradients)))
    (exact, exact_norm, trained), (mixed, mixed_norm, also) = steps
    assert exact != mixed == pytest.approx(exact, rel=0.05)
    assert mixed_norm == pytest.approx(exact_norm, rel=0.3) and trained == also


def test_similarities_to_texts_stay_apart():
    """Near the largest scale bfloat16 has steps of half a logit."""
    torch.manual_seed(0)
    classifier = TextClassifier(embed_dims=16, text_dims=24, temperature=0.01)
    with torch.autocast('cpu', torch.bfloat16):
        logits = classifier(torch.randn(1, 300, 16), torch.randn(40, 24))
    assert logits.dtype == torch.float32
    assert len(logits.unique()) > 0.9 * logits.numel()


@pytest.mark.parametrize('kind', [torch.bfloat16, torch.float16])
def test_places_in_pixels_stay_exact(kind):
    torch.manual_seed(0)
    boxes = BoxHead(embed_dims=16, num_classes=3, num_layers=1)
    torch.nn.init.normal_(boxes.reg_branches[0][-1].weight)
    queries, references = torch.randn(1, 5, 16), torch.rand(1, 5, 2)
    masks, features = DynamicMaskHead(embed_dims=16), torch.randn(8, 90, 160)
    inputs = features, torch.rand(5, 2) * 1000, torch.randn(5, 169)
    exact = boxes(0, queries, references).boxes, masks.run(*inputs)
    with torch.autocast('cpu', kind):
        mixed = boxes(0, queries, references).boxes, masks.run(*inputs)
    assert all(torch.equal(one, other) for one, other in zip(exact, mixed))


@pytest.mark.parametrize('kind', [torch.bfloat16, torch.float16])
def test_overlaps_of_large_masks_stay_exact(kind):
    full = torch.ones(2, 270, 480, dtype=torch.bool)
    embeds, features = torch.ones(2, 1), torch.ones(1, 1, 270, 480)
    with torch.autocast('cpu', kind):
        assert mask_overlaps(full, full).eq(1).all()
        assert shared_overlaps(embeds, embeds, features).eq(1).all()


def test_losses_of_embeddings_stay_exact():
    torch.manual_seed(0)
    rows, others = torch.randn(4, 32), torch.randn(9, 32)
    positive = torch.rand(4, 9) < 0.5
    choice = ContrastChoice(positive=positive, negative=~positive, drawn=~positive)
    owners = torch.tensor([0, 0, 1, 2])

    def losses():
        return similarity_loss([rows], [owners]), *contrastive_losses([rows], [others], [choice])

    exact = losses()
    with torch.autocast('cpu', torch.bfloat16):
        assert losses() == exact
