"""Parts of the benchmark on a GPU: frames per second, memory over T, training steps."""
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import bases
import numpy as np
import sides
import torch
from torch import Tensor

from mmtmt.models.vis import VISModel
from mmtmt.structures.frame_source import ArrayFrameSource
from mmtmt.structures.samples import make_tubes

NOT_MEASURED = 'no CUDA device: not measured'
PRECISIONS = {'fp32': None, 'bf16': torch.bfloat16}
MEMORY_FRAMES = (8, 32, 128)


def seconds_of(run: Callable[[], object], rounds: int, device: str) -> float:
    """Median seconds of a run whose work on the device is waited for, after two that don't count.
    """
    values = []
    for _ in range(rounds + 2):
        begin = time.perf_counter()
        run()
        if device == 'cuda':
            torch.cuda.synchronize()
        values.append(time.perf_counter() - begin)
    return statistics.median(values[2:])


def precision(name: str, device: str) -> torch.autocast | nullcontext:
    """The context of a precision."""
    dtype = PRECISIONS[name]
    return nullcontext() if dtype is None else torch.autocast(device, dtype)


@torch.no_grad()
def forward_all(model: VISModel, frames: Tensor) -> None:
    """Everything but the masks of the results (IDOL makes those as it goes): frames that are on the
    device already.
    """
    size = tuple(frames.shape[-2:])
    state = model.init_state(
        dict(ori_shape=size, vocabulary=model.taxonomy.vocabulary_names[0]),
        ArrayFrameSource(np.zeros((len(frames), *size, 3), np.uint8)))
    for part in frames.split(model.test_cfg['frames_per_step']):
        model.step(part, state)
    model.decode_rest(state)


def speed(size: tuple[int, int], frames: int, rounds: int, device: str = 'cuda',
          pairs: dict | None = None) -> list[list[str]]:
    """Frames per second of each base, forward only and end to end.

    Args:
        size: Height and width in pixels.
        frames: Of the video.
        rounds: Turns that count.
        device: Where to.
        pairs: Configs by name, by default `bases.PAIRS`.

    Returns:
        Rows of the table.
    """
    clip = sides.make_frames(frames, *size)
    there = torch.from_numpy(clip).permute(0, 3, 1, 2).to(device)
    rows = []
    for name, (config, _) in (pairs or bases.PAIRS).items():
        model = bases.build(config).to(device)
        row = [name]
        for kind in PRECISIONS:
            with precision(kind, device):
                for run in (partial(forward_all, model, there),
                            partial(bases.predict, model, clip)):
                    row.append(f'{frames / seconds_of(run, rounds, device):.1f}')
        rows.append(row)
    return rows


def memory(size: tuple[int, int]) -> list[list[str]]:
    """Peak memory on the GPU of each base as the video grows.

    Args:
        size: Height and width in pixels.

    Returns:
        Rows of the table.
    """
    rows = []
    for name, (config, _) in bases.PAIRS.items():
        model = bases.build(config).to('cuda')
        row = [name]
        for frames in MEMORY_FRAMES:
            torch.cuda.reset_peak_memory_stats()
            bases.predict(model, sides.make_frames(frames, *size))
            row.append(f'{torch.cuda.max_memory_allocated() / 2**20:.0f} MB')
        rows.append(row)
    return rows


def training(size: tuple[int, int], rounds: int, device: str = 'cuda', compiled: bool = True,
             pairs: dict | None = None) -> list[list[str]]:
    """Seconds of a training step of two frames, with and without torch.compile.

    Args:
        size: Height and width in pixels.
        rounds: Turns that count.
        device: Where to.
        compiled: Whether to compile backbones, too.
        pairs: Configs by name, by default `bases.PAIRS`.

    Returns:
        Rows of the table.
    """
    rows = []
    for name, (config, _) in (pairs or bases.PAIRS).items():
        model = bases.build(config).to(device).train()
        batch = training_batch(model, size)

        def step(kind: str, model: VISModel = model, batch: dict = batch) -> None:
            model.zero_grad()
            with precision(kind, device):
                losses = model(**batch, mode='loss')
            model.parse_losses(losses)[0].backward()

        row = [name]
        for compile_first in (False, True)[:1 + compiled]:
            if compile_first:
                # matching runs in Python: what is before it is compiled
                model.backbone = torch.compile(model.backbone)
            row += [f'{seconds_of(partial(step, kind), rounds, device) * 1e3:.0f} ms'
                    for kind in PRECISIONS]
        rows.append(row)
    return rows


def training_batch(model: VISModel, size: tuple[int, int]) -> dict:
    """A preprocessed clip of two frames with five objects."""
    sample = sides.make_video_sample(2, *size, model.taxonomy.vocabulary_names[0])
    masks = torch.from_numpy(sides.make_masks(2, *size))
    sample.gt_tubes = make_tubes(torch.arange(len(masks)), masks, torch.arange(1, len(masks) + 1))
    clip = torch.from_numpy(sides.make_frames(2, *size)).permute(0, 3, 1, 2).contiguous()
    return model.data_preprocessor(dict(inputs=[clip], data_samples=[sample]), True)
