"""Memory of a process that predicts a short video, and of one that predicts a long one.

For small models of every base, with random weights, 100 queries of 256 channels and frames of
64 x 96 pixels, which is where memory per frame would show most. Exits with 1 if a long video takes
over 10% more.

Example:
    python tools/analysis_tools/long_video_memory.py
    python tools/analysis_tools/long_video_memory.py --bases MinVIS VITA --frames 100 1000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from benchmark import MEGABYTE, peak, resident

BASES = ('Mask2FormerVIS', 'MinVIS', 'VITA', 'GenVIS', 'IDOL')
ALLOWED = 0.1
DIMS, QUERIES, HEIGHT, WIDTH = 256, 100, 64, 96
SMALL = dict(embed_dims=DIMS, num_layers=1, feedforward_dims=48)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--bases', nargs='+', choices=BASES, default=BASES)
    parser.add_argument('--frames', nargs=2, type=int, default=[100, 1000], metavar=('A', 'B'))
    parser.add_argument('--mode', choices=('two_pass', 'one_pass'), default='two_pass')
    parser.add_argument('--read', nargs=2, metavar=('BASE', 'FRAMES'), help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def model_config(base: str) -> dict:
    """A small model.

    Args:
        base: Its type.

    Returns:
        Its config.
    """
    detects = base == 'IDOL'
    decoder = dict(SMALL, type='VideoMaskDecoder' if base == 'Mask2FormerVIS' else
                   'FrameMaskDecoder', num_queries=QUERIES, num_heads=8)
    config = dict(
        type=base,
        taxonomy=dict(vocabularies=['synth_ytvis', 'synth_ovis', 'synth_uvo']),
        backbone=dict(
            type='mmdet.ResNet', depth=18, base_channels=8, num_stages=4,
            out_indices=(1, 2, 3) if detects else (0, 1, 2, 3), norm_cfg=dict(type='BN'),
            style='pytorch'),
        test_cfg={} if detects else dict(clip_length=36))
    if detects:
        config.update(
            neck=dict(
                type='mmdet.ChannelMapper', in_channels=[16, 32, 64], out_channels=DIMS,
                kernel_size=1, bias=True, norm_cfg=dict(type='GN', num_groups=32), act_cfg=None,
                num_outs=4),
            encoder=dict(num_layers=1, feedforward_dims=48), num_queries=QUERIES,
            decoder=dict(SMALL, type='DeformableDecoder', num_heads=8))
        return config
    config.update(
        decoder=decoder,
        pixel_decoder=dict(
            type='MSDeformAttnPixelDecoder', in_channels=[8, 16, 32, 64], feat_channels=DIMS,
            out_channels=DIMS, num_encoder_layers=1, feedforward_dims=48))
    if base in ('VITA', 'GenVIS'):
        config.update(
            clip_decoder=dict(
                SMALL, type=f'{base}Decoder', num_queries=QUERIES, num_encoder_layers=2),
            training_layers=1)
    return config


def read_peak(base: str, frames: int, mode: str) -> None:
    """Predict a video and print the peak of this process.

    Args:
        base: Type of the model.
        frames: Length of the video.
        mode: `long_video`.
    """
    import numpy as np
    import torch

    import mmtmt.models  # noqa: F401
    from mmtmt.registry import MODELS
    from mmtmt.structures.frame_source import ArrayFrameSource
    from mmtmt.structures.samples import make_sample

    torch.manual_seed(0)
    model = MODELS.build(model_config(base)).eval()
    if base == 'IDOL':
        # fresh weights detect nothing
        for head in model.bbox_head.cls_branches:
            torch.nn.init.normal_(head.bias, mean=-2.0)
    elif 'long_video' in model.test_cfg:
        model.test_cfg['long_video'] = mode
    frame = np.random.default_rng(0).integers(0, 255, (1, HEIGHT, WIDTH, 3), dtype=np.uint8)

    def predict(length: int) -> int:
        source = ArrayFrameSource(np.broadcast_to(frame, (length, HEIGHT, WIDTH, 3)))
        sample = make_sample(
            dataset='toy', vocabulary='synth_ovis', video_id=1, video_length=length,
            frame_indices=list(range(length)), ori_shape=(HEIGHT, WIDTH),
            img_shape=(HEIGHT, WIDTH))
        return len(model.predict([source], [sample])[0].pred_tubes.tubes)

    predict(2)
    before, results = resident(), predict(frames)
    print(json.dumps(dict(before=before, peak=peak(), results=results)))


def main(argv: list[str] | None = None) -> int:
    """Measures, each video in a process of its own."""
    args = parse_args(argv)
    if args.read:
        read_peak(args.read[0], int(args.read[1]), args.mode)
        return 0
    head = ['base', *(f'{frames} frames' for frames in args.frames), 'more']
    print('\n'.join('| ' + ' | '.join(line) + ' |' for line in (head, ['---'] * len(head))))
    worst = 0.0
    for base in args.bases:
        cells, peaks = [base], []
        for frames in args.frames:
            answer = subprocess.run(
                [sys.executable, __file__, '--mode', args.mode, '--read', base, str(frames)],
                check=True, stdout=subprocess.PIPE, text=True)
            found = json.loads(answer.stdout.splitlines()[-1])
            peaks.append(found['peak'])
            beyond = (found['peak'] - found['before']) / MEGABYTE
            cells.append(f'{found["peak"] / MEGABYTE:.0f} MB ({beyond:.0f} of the video)')
        worst = max(worst, peaks[1] / peaks[0] - 1)
        print('| ' + ' | '.join([*cells, f'{peaks[1] / peaks[0] - 1:+.1%}']) + ' |', flush=True)
    return int(worst > ALLOWED)


if __name__ == '__main__':
    sys.exit(main())
