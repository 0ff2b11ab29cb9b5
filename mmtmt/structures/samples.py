"""The data sample that travels from the datasets through the model to the metric."""

from __future__ import annotations

# The registry puts the fixes in place without which mmdet can't be imported.
import mmtmt.registry  # noqa: F401, isort: skip

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from mmdet.structures import TrackDataSample
from mmengine.structures import BaseDataElement, InstanceData


class TubeDataSample(TrackDataSample):
    """A `TrackDataSample` whose fields are instances with tubes instead of lists of frames.

    mmdet's class treats every field as a list of per-frame samples when it moves them between
    devices, which takes an `InstanceData` apart; here they move as in mmengine's base class.

    Fields:
        gt_tubes: InstanceData(labels (N,) int64 in the dataset's own vocabulary, masks
            (N, T, H, W) bool, instance_ids (N,) int64 from 1), and where the pipeline makes them
            boxes (N, T, 4) float32, see `mmtmt.structures.boxes`.
        pred_tubes: InstanceData(scores (M,) float32, labels (M,) int64, tubes: list of M).

    Metainfo: see `make_sample`.

    A data worker would send every tensor through a shared file of its own; here those of `gt_tubes`
    go along with the sample instead, masks as bits.
    """

    to = BaseDataElement.to
    cpu = BaseDataElement.cpu
    cuda = BaseDataElement.cuda
    detach = BaseDataElement.detach
    numpy = BaseDataElement.numpy
    to_tensor = BaseDataElement.to_tensor

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled."""
        state = dict(self.__dict__)
        tubes = state.get('gt_tubes')
        if tubes is not None:
            state['gt_tubes'] = {key: _pack(value) for key, value in tubes.items()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore from what was pickled."""
        state = dict(state)
        if 'gt_tubes' in state:
            fields = {key: _unpack(value) for key, value in state['gt_tubes'].items()}
            state['gt_tubes'] = InstanceData(**fields)
        self.__dict__.update(state)


class _Bits(NamedTuple):
    """A boolean tensor, eight entries in a byte."""

    shape: tuple[int, ...]
    bits: np.ndarray


def _pack(value: Any) -> Any:
    """Turn a tensor on the CPU into an array, a boolean one into bits."""
    if not isinstance(value, torch.Tensor) or value.device.type != 'cpu':
        return value
    array = value.detach().numpy()
    if array.dtype == bool:
        return _Bits(array.shape, np.packbits(array))
    return array


def _unpack(value: Any) -> Any:
    """Undo `_pack`."""
    if isinstance(value, _Bits):
        array = np.unpackbits(value.bits, count=math.prod(value.shape))
        return torch.from_numpy(array.view(bool).reshape(value.shape))
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


def make_sample(
    *,
    dataset: str,
    vocabulary: str,
    video_id: int,
    frame_indices: list[int],
    video_length: int,
    ori_shape: tuple[int, int],
    img_shape: tuple[int, int],
    sample_index: int = 0,
    flip: bool = False,
    **metainfo: object,
) -> TubeDataSample:
    """Make a sample without instances.

    Args:
        dataset: Name of the dataset; metrics are keyed by it.
        vocabulary: Name of the vocabulary that labels refer to.
        video_id: Id of the video in its annotation file.
        frame_indices: The frames of the clip, T of them, ascending.
        video_length: Number of frames of the video.
        ori_shape: Height and width of the stored frames in pixels.
        img_shape: Height and width of the clip's frames in pixels, before padding.
        sample_index: Position in the stream of samples.
        flip: Whether the clip is mirrored.
        **metainfo: More entries, for instance ``scale_factor`` (width, height).

    Returns:
        The sample.
    """
    return TubeDataSample(
        metainfo=dict(
            dataset=dataset,
            vocabulary=vocabulary,
            video_id=video_id,
            frame_indices=frame_indices,
            video_length=video_length,
            ori_shape=ori_shape,
            img_shape=img_shape,
            scale_factor=metainfo.pop(
                'scale_factor', (img_shape[1] / ori_shape[1], img_shape[0] / ori_shape[0])
            ),
            flip=flip,
            sample_index=sample_index,
            **metainfo,
        )
    )


def make_tubes(
    labels: torch.Tensor, masks: torch.Tensor, instance_ids: torch.Tensor
) -> InstanceData:
    """Make the ground truth of a clip.

    Args:
        labels: (N,) int64 in the dataset's own vocabulary.
        masks: (N, T, H, W) bool.
        instance_ids: (N,) int64 from 1.

    Returns:
        The instances for `TubeDataSample.gt_tubes`.

    Raises:
        ValueError: If a tensor has another type or number of dimensions, or a label is below 0:
            what a vocabulary leaves out must be left out here, or it would be the last category.
    """
    for name, tensor, dims, dtype in (
        ('labels', labels, 1, torch.int64),
        ('masks', masks, 4, torch.bool),
        ('instance_ids', instance_ids, 1, torch.int64),
    ):
        if tensor.ndim != dims or tensor.dtype != dtype:
            raise ValueError(
                f'{name}: expected {dims} dimensions of {dtype}, '
                f'got {tuple(tensor.shape)} of {tensor.dtype}'
            )
    if bool((labels < 0).any()):
        raise ValueError(f'labels: expected positions in a vocabulary, got {labels.tolist()}')
    return InstanceData(labels=labels, masks=masks, instance_ids=instance_ids)
