"""Decoders: from the features of a clip to predictions of its queries."""
from .injection_decoder import InjectionDecoder
from .video_mask_decoder import VideoMaskDecoder

__all__ = ['InjectionDecoder', 'VideoMaskDecoder']
