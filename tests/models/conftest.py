"""Small models, clips and videos shared by the tests of the models."""
import numpy as np
import pytest
import torch

import mmtmt.models  # noqa: F401
from mmtmt.registry import MODELS
from mmtmt.structures.frame_source import ArrayFrameSource
from mmtmt.structures.samples import make_sample, make_tubes

VOCABULARIES = ['synth_ytvis', 'synth_ovis', 'synth_uvo']
HEIGHT, WIDTH = 60, 90
# of each meta-architecture
DECODERS = dict(Mask2FormerVIS='VideoMaskDecoder', MinVIS='FrameMaskDecoder',
                VITA='FrameMaskDecoder', GenVIS='FrameMaskDecoder')
CLIP_DECODERS = dict(VITA=dict(type='VITADecoder', window=3), GenVIS=dict(type='GenVISDecoder'))


def toy_model_config(type='Mask2FormerVIS', taxonomy_aware=True, classifier='linear',
                     compilation=None, injection=None, compile_per=None, **model):
    """Config of a TMT-VIS, or of its base, that runs in milliseconds."""
    decoder = dict(type=DECODERS[type], num_queries=9, embed_dims=32, num_layers=2,
                   num_heads=4, feedforward_dims=48, classifier=classifier)
    if taxonomy_aware:
        decoder = dict(
            type='InjectionDecoder', decoder=decoder, compile_per=compile_per,
            compilation=dict(type='TaxonomyCompilation', feedforward_dims=48, adapter_dims=32,
                             num_selected=4, num_heads=4, **(compilation or {})),
            injection=dict(type='TaxonomyInjection', feedforward_dims=48, num_heads=4,
                           **(injection or {})))
    config = dict(
        type=type,
        taxonomy=dict(vocabularies=VOCABULARIES),
        text_bank=dict(path='minilm'),
        backbone=dict(type='mmdet.ResNet', depth=18, base_channels=16, num_stages=4,
                      out_indices=(0, 1, 2, 3), norm_cfg=dict(type='BN'), style='pytorch'),
        pixel_decoder=dict(type='MSDeformAttnPixelDecoder', in_channels=[16, 32, 64, 128],
                           feat_channels=32, out_channels=32, num_encoder_layers=1,
                           feedforward_dims=48),
        decoder=decoder,
        criterion=dict(type='VideoSetCriterion', num_points=64,
                       taxonomy_loss='final' if taxonomy_aware else 'off'),
        test_cfg=dict(clip_length=8))
    if type in CLIP_DECODERS:
        config.update(
            clip_decoder=dict(
                CLIP_DECODERS[type], num_queries=7, embed_dims=32, num_encoder_layers=2,
                num_layers=2, num_heads=4, feedforward_dims=48, classifier=classifier),
            clip_criterion=dict(type=f'{type}Criterion', num_points=64), training_layers=2)
    config.update(model)
    return config


@pytest.fixture
def build_model():
    """Build a seeded toy model, in eval mode."""

    def build(**kwargs):
        torch.manual_seed(0)
        return MODELS.build(toy_model_config(**kwargs)).eval()

    return build


def make_clip(vocabulary, labels=(1, 2), num_frames=2):
    """A training sample with one rectangle per label."""
    sample = make_sample(
        dataset=vocabulary, vocabulary=vocabulary, video_id=1,
        frame_indices=list(range(num_frames)), video_length=num_frames,
        ori_shape=(HEIGHT, WIDTH), img_shape=(HEIGHT, WIDTH))
    masks = torch.zeros(len(labels), num_frames, HEIGHT, WIDTH, dtype=torch.bool)
    for index in range(len(labels)):
        masks[index, :, 5 + 12 * index:15 + 12 * index, 10:60] = True
    sample.gt_tubes = make_tubes(
        torch.tensor(labels, dtype=torch.int64), masks,
        torch.arange(1, len(labels) + 1))
    return sample


@pytest.fixture
def make_batch():
    """Build a preprocessed training batch for a model: a sample per (vocabulary, labels)."""

    def make(model, *contents, num_frames=2):
        samples = [make_clip(vocabulary, labels, num_frames) for vocabulary, labels in contents]
        generator = torch.Generator().manual_seed(3)
        inputs = [
            torch.randint(0, 255, (num_frames, 3, HEIGHT, WIDTH), dtype=torch.uint8,
                          generator=generator) for _ in samples
        ]
        return model.data_preprocessor(dict(inputs=inputs, data_samples=samples), True)

    return make


@pytest.fixture
def make_video():
    """Build a video (frame source, sample) of seeded noise."""

    def make(num_frames, vocabulary='synth_ovis', ori_shape=(HEIGHT, WIDTH)):
        frames = np.random.default_rng(7).integers(
            0, 255, (num_frames, HEIGHT, WIDTH, 3), dtype=np.uint8)
        source = ArrayFrameSource(frames)
        sample = make_sample(
            dataset='toy', vocabulary=vocabulary, video_id=1,
            frame_indices=list(range(num_frames)), video_length=num_frames,
            ori_shape=ori_shape, img_shape=(HEIGHT, WIDTH))
        return source, sample

    return make
