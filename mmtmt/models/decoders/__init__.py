"""Decoders: from the features of a clip to predictions of its queries."""
from .deformable_decoder import DeformableDecoder, DetectionQueries
from .frame_mask_decoder import FrameMaskDecoder, fold_frames
from .genvis_decoder import GenVISDecoder
from .injection_decoder import InjectionDecoder
from .video_mask_decoder import VideoMaskDecoder
from .vita_decoder import ClipOutputs, VITADecoder

__all__ = [
    'ClipOutputs', 'DeformableDecoder', 'DetectionQueries', 'FrameMaskDecoder', 'GenVISDecoder',
    'InjectionDecoder', 'VITADecoder', 'VideoMaskDecoder', 'fold_frames'
]
