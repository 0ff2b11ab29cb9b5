"""The two sides of the benchmark: this package's Mask2Former-VIS and mmdet's, on the same input."""
from pathlib import Path

# The registry, imported with it, puts the fixes in place without which mmdet can't be imported.
import mmtmt.models  # noqa: F401, isort: skip

import mmdet
import mmdet.models
import numpy as np
import torch
from mmdet.registry import MODELS as MMDET_MODELS
from mmdet.structures import DetDataSample, TrackDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmtmt.models.converters import convert_to_mmdet
from mmtmt.registry import MODELS
from mmtmt.structures.frame_source import ArrayFrameSource
from mmtmt.structures.samples import TubeDataSample, make_sample, make_tubes
from mmtmt.structures.tubes import Tube, encode_tube

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / 'configs' / '_base_' / 'models'
MMDET_CONFIG = 'mask2former_vis/mask2former_r50_8xb2-8e_youtubevis2019.py'
VOCABULARY = 'ytvis19'
LABELS = (3, 7, 12, 3, 25)


def make_frames(num_frames: int, height: int, width: int) -> np.ndarray:
    """A seeded clip of drifting waves with some noise, (T, H, W, 3) uint8, RGB."""
    random = np.random.RandomState(0)
    y, x = np.mgrid[:height, :width] / 40.0
    frames = np.empty((num_frames, height, width, 3), np.uint8)
    for t in range(num_frames):
        for channel in range(3):
            phase = 0.3 * t + 2 * channel
            wave = np.sin(x + phase) * np.cos(1.7 * y - phase) + np.sin(0.4 * (x + y) + channel)
            noise = random.standard_normal((height, width))
            frames[t, :, :, channel] = np.clip(128 + 50 * wave + 8 * noise, 0, 255)
    return frames


def make_masks(num_frames: int, height: int, width: int) -> np.ndarray:
    """Moving ellipses, one per label, (N, T, H, W) bool."""
    y, x = np.mgrid[:height, :width]
    y, x = y / height, x / width
    masks = np.empty((len(LABELS), num_frames, height, width), bool)
    for n in range(len(LABELS)):
        for t in range(num_frames):
            centre_x, centre_y = 0.15 + 0.17 * n + 0.01 * t, 0.3 + 0.1 * n
            masks[n, t] = ((x - centre_x) / 0.12)**2 + ((y - centre_y) / 0.2)**2 < 1
    return masks


def spread_weights(model: nn.Module, seed: int = 0) -> None:
    """Move a fresh model of ours away from the special values of its initialisation.

    As initialised it samples on whole pixels whatever the query says, and finds all categories
    about equally likely; comparing such models would compare little.
    """
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.pixel_decoder.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.data.add_(noise, alpha=0.02 if parameter.dim() > 1 else 0.1)
    classes = model.decoder.head.cls_embed
    classes.weight.data.mul_(4)
    classes.bias.data[-1] = -2  # or else most queries say no-object


class Ours:
    """This package's model, as initialised.

    Args:
        config: Name of a file under ``configs/_base_/models``.
        vocabularies: The taxonomy's.
        options: More of the config, as ``--cfg-options`` of the tools would have it.
    """

    name = 'mmtmt'

    def __init__(self, config: str = 'mask2former-vis_r50.py',
                 vocabularies: tuple[str, ...] = (VOCABULARY,),
                 options: dict | None = None) -> None:
        settings = Config.fromfile(CONFIGS / config)
        settings.merge_from_dict(
            {'model.taxonomy.vocabularies': list(vocabularies), **(options or {})})
        torch.manual_seed(0)
        self.model = MODELS.build(settings.model)

    def predict(self, frames: np.ndarray) -> tuple[Tensor, Tensor, list[Tube]]:
        """Scores, labels and tubes of the best ten, by falling score."""
        self.model.eval()
        source = ArrayFrameSource(frames)
        sample = make_video_sample(len(frames), *frames.shape[1:3])
        prediction = self.model.predict([source], [sample])[0].pred_tubes
        return prediction.scores, prediction.labels, prediction.tubes

    def prepare(self, frames: np.ndarray, masks: np.ndarray) -> dict:
        """A training batch of one clip."""
        sample = make_video_sample(*masks.shape[1:])
        sample.gt_tubes = make_tubes(torch.tensor(LABELS), torch.from_numpy(masks),
                                     torch.arange(1, len(LABELS) + 1))
        clip = torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous()
        return self.model.data_preprocessor(dict(inputs=[clip], data_samples=[sample]), True)

    def losses(self, batch: dict) -> dict[str, Tensor]:
        """Weighted losses by name, `loss_cls`, `d0.loss_cls`, ..."""
        self.model.train()
        return self.model.loss(batch['inputs'], batch['data_samples'])


class Theirs:
    """mmdet's model with the weights of ours."""

    name = 'mmdet'

    def __init__(self, ours: Ours) -> None:
        config = mmdet_config()
        with DefaultScope.overwrite_default_scope('mmdet'):
            self.model = MMDET_MODELS.build(config)
        conversion = convert_to_mmdet(ours.model.state_dict())
        self.model.load_state_dict(conversion.state)

    def predict(self, frames: np.ndarray) -> tuple[Tensor, Tensor, list[Tube]]:
        """Scores, labels and tubes of the best ten, by falling score."""
        self.model.eval()
        sample = _their_sample(len(frames), *frames.shape[1:3])
        with torch.no_grad(), DefaultScope.overwrite_default_scope('mmdet'):
            data = self.model.data_preprocessor(
                dict(inputs=[_bgr(frames)], data_samples=[sample]), False)
            video = self.model(**data, mode='predict')[0]
        images = [video[t].pred_track_instances for t in range(len(frames))]
        tubes = []
        for n in range(len(images[0].scores)):
            tubes.append(encode_tube(torch.stack([image.masks[n] for image in images])))
        order = images[0].scores.argsort(descending=True).tolist()
        return images[0].scores[order], images[0].labels[order], [tubes[n] for n in order]

    def prepare(self, frames: np.ndarray, masks: np.ndarray) -> dict:
        """A training batch of one clip."""
        sample = _their_sample(*masks.shape[1:], masks)
        return self.model.data_preprocessor(dict(inputs=[_bgr(frames)], data_samples=[sample]),
                                            True)

    def losses(self, batch: dict) -> dict[str, Tensor]:
        """Weighted losses by name, `loss_cls`, `d0.loss_cls`, ..."""
        self.model.train()
        with DefaultScope.overwrite_default_scope('mmdet'):
            return self.model(**batch, mode='loss')


def mmdet_config() -> Config:
    """Config of mmdet's model, without the weights that it would download."""
    path = Path(mmdet.__file__).parent / '.mim' / 'configs' / MMDET_CONFIG
    config = Config.fromfile(path).model
    config.init_cfg = config.backbone.init_cfg = None
    return config


def make_video_sample(num_frames: int, height: int, width: int,
                      vocabulary: str = VOCABULARY) -> TubeDataSample:
    """A sample of this package without ground truth."""
    return make_sample(dataset=vocabulary, vocabulary=vocabulary, video_id=1,
                       frame_indices=list(range(num_frames)), video_length=num_frames,
                       ori_shape=(height, width), img_shape=(height, width))


def _their_sample(num_frames: int, height: int, width: int,
                  masks: np.ndarray | None = None) -> TrackDataSample:
    images = []
    for t in range(num_frames):
        image = DetDataSample(metainfo=dict(
            img_shape=(height, width), ori_shape=(height, width), scale_factor=(1.0, 1.0),
            frame_id=t, video_length=num_frames))
        if masks is not None:
            image.gt_instances = InstanceData(
                masks=BitmapMasks(masks[:, t].astype(np.uint8), height, width),
                labels=torch.tensor(LABELS), instances_ids=torch.arange(1, len(LABELS) + 1))
        images.append(image)
    sample = TrackDataSample()
    sample.video_data_samples = images
    return sample


def _bgr(frames: np.ndarray) -> Tensor:
    """What mmdet's loaders hand over."""
    return torch.from_numpy(np.ascontiguousarray(frames[..., ::-1])).permute(0, 3, 1, 2)
