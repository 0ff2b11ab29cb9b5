"""Decoders: from the features of a clip to predictions of its queries."""
from .frame_mask_decoder import FrameMaskDecoder, fold_frames
from .injection_decoder import InjectionDecoder
from .video_mask_decoder import VideoMaskDecoder

__all__ = ['FrameMaskDecoder', 'InjectionDecoder', 'VideoMaskDecoder', 'fold_frames']
