"""The models of the benchmark's parts on all bases, with and without taxonomy."""
import numpy as np
import sides
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmtmt.models.vis import VISModel
from mmtmt.registry import MODELS
from mmtmt.structures.frame_source import ArrayFrameSource

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


def predict(model: VISModel, video: np.ndarray) -> InstanceData:
    """Predict a video in the first vocabulary of the model.

    Args:
        model: Any base.
        video: (T, H, W, 3) uint8, RGB.

    Returns:
        Scores, labels and tubes.
    """
    sample = sides.make_video_sample(*video.shape[:3], model.taxonomy.vocabulary_names[0])
    return model.predict([ArrayFrameSource(video)], [sample])[0].pred_tubes


def assert_same(mine: InstanceData, other: InstanceData) -> None:
    """Two predictions are equal in all that they tell."""
    if not len(mine):
        raise AssertionError('nothing was found, so that there is nothing to compare')
    for name in ('scores', 'labels'):
        torch.testing.assert_close(mine[name], other[name])
    if list(mine.tubes) != list(other.tubes):
        raise AssertionError('masks differ')
