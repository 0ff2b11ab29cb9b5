"""Annotation formats of other tools and sets: each read into, and some written from, one form."""

from mmtmt.registry import ANNOTATION_READERS, ANNOTATION_WRITERS

from .coco_video import COCOVideoReader, COCOVideoWriter
from .convert import Summary, convert
from .cvat import CVATReader
from .davis import DAVISReader, DAVISWriter
from .labelme import LabelMeReader
from .mots_png import MOTSImageReader, MOTSImageWriter
from .mots_txt import MOTSTextReader, MOTSTextWriter
from .video import (
    AnnotatedTrack,
    AnnotatedVideo,
    AnnotationReader,
    AnnotationWriter,
    ConversionError,
)
from .ytvis import YouTubeVISReader, YouTubeVISWriter

__all__ = [
    'ANNOTATION_READERS',
    'ANNOTATION_WRITERS',
    'AnnotatedTrack',
    'AnnotatedVideo',
    'AnnotationReader',
    'AnnotationWriter',
    'COCOVideoReader',
    'COCOVideoWriter',
    'CVATReader',
    'ConversionError',
    'DAVISReader',
    'DAVISWriter',
    'LabelMeReader',
    'MOTSImageReader',
    'MOTSImageWriter',
    'MOTSTextReader',
    'MOTSTextWriter',
    'Summary',
    'YouTubeVISReader',
    'YouTubeVISWriter',
    'convert',
]
