"""From what the data loader yields to what the model takes."""

from mmtmt.models.data_preprocessors.clip_data_preprocessor import ClipDataPreprocessor

__all__ = ['ClipDataPreprocessor']
