import numpy as np
import pytest
import torch

from mmtmt.models.data_preprocessors import ClipDataPreprocessor
from mmtmt.registry import MODELS
from mmtmt.structures.frame_source import ArrayFrameSource
from mmtmt.structures.samples import make_sample, make_tubes

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def clip_and_sample(height, width, frames=2, instances=1):
    generator = torch.Generator().manual_seed(height)
    clip = torch.randint(0, 256, (frames, 3, height, width), dtype=torch.uint8, generator=generator)
    sample = make_sample(
        dataset='tiny',
        vocabulary='tiny',
        video_id=1,
        frame_indices=list(range(frames)),
        video_length=frames,
        ori_shape=(height, width),
        img_shape=(height, width),
    )
    masks = torch.ones(instances, frames, height, width, dtype=torch.bool)
    sample.gt_tubes = make_tubes(
        torch.zeros(instances).long(), masks, torch.arange(1, instances + 1)
    )
    return clip, sample


def test_clips_and_masks_are_padded_alike():
    (a, sample_a), (b, sample_b) = clip_and_sample(30, 50), clip_and_sample(40, 33, instances=0)
    preprocessor = MODELS.build({'type': 'ClipDataPreprocessor', 'mean': MEAN, 'std': STD})
    out = preprocessor({'inputs': [a, b], 'data_samples': [sample_a, sample_b]}, training=True)
    inputs, samples = out['inputs'], out['data_samples']
    assert inputs.shape == (2, 2, 3, 64, 64) and inputs.dtype == torch.float32
    assert (inputs[0, :, :, 30:] == 0).all() and (inputs[0, :, :, :, 50:] == 0).all()
    expected = (a[1, 2, 7, 9].float() - 103.53) / 57.375
    torch.testing.assert_close(inputs[0, 1, 2, 7, 9], expected)
    masks = samples[0].gt_tubes.masks
    assert masks.shape == (1, 2, 64, 64) and masks.dtype == torch.bool
    assert masks.sum() == 2 * 30 * 50 and masks[:, :, :30, :50].all()
    assert samples[1].gt_tubes.masks.shape == (0, 2, 64, 64)
    assert all(s.batch_input_shape == (64, 64) for s in samples)
    assert samples[0].img_shape == (30, 50)


def test_normalize_is_what_training_does():
    clip, sample = clip_and_sample(30, 50)
    preprocessor = ClipDataPreprocessor(mean=MEAN, std=STD)
    streamed = torch.cat([preprocessor.normalize(clip[:1]), preprocessor.normalize(clip[1:])])
    trained = preprocessor({'inputs': [clip], 'data_samples': [sample]}, training=True)['inputs']
    assert torch.equal(streamed, trained[0])


def test_channel_order_and_divisor():
    clip, _ = clip_and_sample(30, 50)
    rgb = ClipDataPreprocessor(mean=(1, 2, 3), std=(1, 1, 1), pad_size_divisor=1)
    bgr = ClipDataPreprocessor(mean=(3, 2, 1), std=(1, 1, 1), pad_size_divisor=1, rgb_to_bgr=True)
    assert rgb.normalize(clip).shape == clip.shape
    assert torch.equal(rgb.normalize(clip), bgr.normalize(clip).flip(1))


def test_frame_sources_pass():
    source = ArrayFrameSource(np.zeros((3, 8, 9, 3), np.uint8))
    _, sample = clip_and_sample(8, 9)
    out = ClipDataPreprocessor()({'inputs': [source], 'data_samples': [sample]})
    assert out['inputs'] == [source]
    assert out['data_samples'][0].gt_tubes.masks.shape[-2:] == (8, 9)


def test_wrong_input():
    preprocessor = ClipDataPreprocessor()
    with pytest.raises(ValueError, match=r'of uint8, got \(2, 3, 4, 4\) of torch.float32'):
        preprocessor.normalize(torch.zeros(2, 3, 4, 4))
    short, _ = clip_and_sample(8, 8, frames=1)
    long, _ = clip_and_sample(8, 8, frames=2)
    with pytest.raises(ValueError, match=r'one number of frames, got \[1, 2\]'):
        preprocessor({'inputs': [short, long]})
    clip, sample = clip_and_sample(8, 8)
    sample.gt_tubes.masks = sample.gt_tubes.masks[..., :-1]
    with pytest.raises(ValueError, match='tiny, video 1: expected masks of 2 frames of 8 x 8'):
        preprocessor({'inputs': [clip], 'data_samples': [sample]})
    with pytest.raises(ValueError, match='positive stds'):
        ClipDataPreprocessor(std=(1, 0, 1))
