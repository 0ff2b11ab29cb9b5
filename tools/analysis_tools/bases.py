"""The models of the benchmark's parts on all bases, with and without taxonomy."""
from collections.abc import Sequence

import numpy as np
import sides
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmtmt.models.vis import VISModel
from mmtmt.registry import MODELS
from mmtmt.structures.frame_source import ArrayFrameSource, FrameSource

CONFIGS = sides.ROOT / 'configs'
SETS = 'ytvis19-uvo-ovis'
# Configs of each base and of TMT-VIS on it: ResNet-50, the union of three label spaces, N_T = 10.
PAIRS = {
    'Mask2Former-VIS': (f'mask2former_vis/mask2former-vis_r50_8xb2-16k_{SETS}.py',
                        f'tmt_vis/tmt-vis_mask2former_r50_8xb2-16k_{SETS}.py'),
    'MinVIS': (f'minvis/minvis_r50_8xb4-16k_{SETS}.py',
               f'tmt_vis/tmt-vis_minvis_r50_8xb4-16k_{SETS}.py'),
    'VITA': (f'vita/vita_r50_8xb2-16k_{SETS}.py', f'tmt_vis/tmt-vis_vita_r50_8xb2-16k_{SETS}.py'),
    'GenVIS': (f'genvis/genvis-online_r50_8xb1-15k_{SETS}.py',
               f'tmt_vis/tmt-vis_genvis-online_r50_8xb1-15k_{SETS}.py'),
    'IDOL': (f'idol/idol_r50_8xb4-18k_{SETS}.py', f'tmt_vis/tmt-vis_idol_r50_8xb4-18k_{SETS}.py'),
}
# TMT-VIS on each at the size of the demonstration, for videos of a thousand frames
SMALL = {
    'Mask2Former-VIS': 'tmt_vis/tmt-vis_mask2former_demo_synth.py',
    'MinVIS': 'tmt_vis/tmt-vis_minvis_demo_synth.py',
    'VITA': 'tmt_vis/tmt-vis_vita_demo_synth.py',
    'GenVIS': 'tmt_vis/tmt-vis_genvis_demo_synth.py',
    'IDOL': 'tmt_vis/tmt-vis_idol_demo_synth.py',
}


class RepeatedFrames(FrameSource):
    """The same frames again and again: a long video that takes the memory of a short one.

    Args:
        frames: (t, H, W, 3) uint8, RGB.
        num_frames: T of the video.
    """

    def __init__(self, frames: np.ndarray, num_frames: int) -> None:
        super().__init__(num_frames=num_frames, ori_shape=frames.shape[1:3])
        self.frames = frames

    def decode(self, start: int, stop: int) -> Sequence[np.ndarray]:
        """See FrameSource.decode."""
        return [self.frames[t % len(self.frames)] for t in range(start, stop)]


def build(config: str) -> VISModel:
    """Build a model with seeded weights that find something.

    Args:
        config: Path under `configs`.

    Returns:
        The model, for prediction.
    """
    settings = Config.fromfile(CONFIGS / config).model
    torch.manual_seed(0)
    model = MODELS.build(settings).eval()
    if hasattr(model, 'pixel_decoder'):
        sides.spread_weights(model)
        return model
    generator = torch.Generator().manual_seed(0)
    for branch in model.bbox_head.cls_branches:
        branch.weight.data.copy_(0.1 * torch.randn(branch.weight.shape, generator=generator))
        branch.bias.data.fill_(-4.0)  # a few detections per frame
    return model


def predict(model: VISModel, video: np.ndarray | FrameSource) -> InstanceData:
    """Predict a video in the first vocabulary of the model.

    Args:
        model: Any base.
        video: (T, H, W, 3) uint8, RGB, or a source.

    Returns:
        Scores, labels and tubes.
    """
    source = video if isinstance(video, FrameSource) else ArrayFrameSource(video)
    sample = sides.make_video_sample(
        len(source), *source.ori_shape, model.taxonomy.vocabulary_names[0])
    return model.predict([source], [sample])[0].pred_tubes


def assert_same(mine: InstanceData, other: InstanceData) -> None:
    """Two predictions are equal in all that they tell."""
    if not len(mine):
        raise AssertionError('nothing was found, so that there is nothing to compare')
    for name in ('scores', 'labels'):
        torch.testing.assert_close(mine[name], other[name])
    if list(mine.tubes) != list(other.tubes):
        raise AssertionError('masks differ')
