"""What the models share whose decoder takes frames on their own."""
import torch
from torch import Tensor

from mmtmt.models.necks.msdeform_pixel_decoder import PixelFeatures
from mmtmt.models.outputs import QueryPrediction
from mmtmt.models.vis.streaming import StreamingMaskModel
from mmtmt.models.vis.video_state import VideoState


class FrameDecodingModel(StreamingMaskModel):
    """A streaming model whose decoder starts anew in each frame.

    Args:
        **kwargs: Of StreamingMaskModel; the decoder is a FrameMaskDecoder or an InjectionDecoder
            around one, and `test_cfg` also takes `taxonomy_frames`: where that one compiles a
            taxonomy per clip, the frames of such a clip, counted from the first of the video.
    """

    UNIT = 'frame'
    TEST_DEFAULTS = dict(StreamingMaskModel.TEST_DEFAULTS, taxonomy_frames=2)

    @property
    def frames_per_unit(self) -> int:
        """Frames that share a taxonomy."""
        shares = getattr(self.decoder, 'compile_per', 'frame') == 'clip'
        return self.test_cfg['taxonomy_frames'] if shares else 1

    def decode_frames(self, features: PixelFeatures,
                      state: VideoState) -> tuple[QueryPrediction, Tensor | None]:
        """Decode frames, each unit of them as a clip.

        Args:
            features: Of t frames, which begin with a unit; the last one may be a short one.
            state: Of the video.

        Returns:
            The last layer's prediction (t, Q, ...), and (t, K) taxonomy scores where there are any.
        """
        frames = len(features.mask_features)
        unit = min(frames, self.frames_per_unit)
        whole = frames // unit * unit
        outputs = []
        for start, stop, length in ((0, whole, unit), (whole, frames, frames - whole)):
            if start == stop:
                continue
            levels, mask_features = (
                [level[start:stop].unflatten(0, (-1, length)) for level in levels]
                for levels in (features.multi_scale, [features.mask_features]))
            context = state.space.context.for_frames(len(mask_features[0]))
            outputs.append(self.decoder(levels, *mask_features, context, auxiliary=False))
        predictions = [output.predictions[-1] for output in outputs]
        if len(outputs) == 1:
            prediction = predictions[0]
        else:
            prediction = QueryPrediction(*(
                torch.cat([getattr(part, name) for part in predictions])
                for name in ('class_logits', 'mask_embeds', 'query_embeds')))
        if outputs[0].compiled is None:
            return prediction, None
        return prediction, torch.cat([output.compiled.ranking for output in outputs])
