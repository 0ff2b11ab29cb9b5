"""Draws a dataset, so that one can look: sheets of frames, and videos.

From a json file and its frames, every video gets VIDEO.png, a sheet of frames spread over it, and
VIDEO.mp4; objects carry the ids of their annotations. From a config, every dataset gets a sheet of
training clips as the model is given them, after all transforms. Where these change in the course of
a training (ClipStages), --first-sample N shows the clips from its sample N on.

Example:
    python tools/analysis_tools/browse_dataset.py data/zoo/train.json data/zoo/frames --out look
    python tools/analysis_tools/browse_dataset.py configs/my_sets/zoo.py --out look --limit 8
    python tools/analysis_tools/browse_dataset.py configs/my_sets/zoo.py --out look \
        --first-sample 20000
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from mmengine.registry import init_default_scope

from mmtmt.datasets import ConcatDataset, SampleKey, VideoInstanceDataset
from mmtmt.datasets.conversion import AnnotatedVideo, YouTubeVISReader
from mmtmt.datasets.transforms.loading import resolve_frame
from mmtmt.engine.config_check import ConfigError
from mmtmt.engine.launch import read_config
from mmtmt.registry import DATASETS
from mmtmt.structures.frame_source import ImageFrameSource
from mmtmt.structures.tubes import encode_tube
from mmtmt.utils.arguments import at_least
from mmtmt.utils.progress import ProgressLine
from mmtmt.visualization import (
    Track,
    clip_row,
    render_video,
    stack_images,
    track_sheet,
    write_png,
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line.

    Args:
        argv: The arguments; by default those of the process.

    Returns:
        The arguments.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, help='json file, or config')
    parser.add_argument('frames', type=Path, nargs='?', help='folder of the frames of a json file')
    parser.add_argument('--out', type=Path, required=True, help='folder for the pictures')
    parser.add_argument(
        '--limit', type=at_least(1), help='videos, or clips per dataset (all, or 6)'
    )
    parser.add_argument('--videos', nargs='+', help='names of the videos, as their folders')
    parser.add_argument('--sheet-frames', type=at_least(1), default=6, help='frames on a sheet (6)')
    parser.add_argument('--no-mp4', action='store_true', help='sheets only')
    parser.add_argument('--fps', type=float, default=6.0, help='frames per second (6)')
    parser.add_argument('--seed', type=int, default=0, help='chooses the clips of a config (0)')
    parser.add_argument(
        '--first-sample',
        type=at_least(0),
        default=0,
        metavar='N',
        help='which samples of the training the clips of a config are: N and those after (0)',
    )
    args = parser.parse_args(argv)
    if args.source.name.endswith(('.json', '.json.gz')) != (args.frames is not None):
        parser.error('a json file needs the folder of its frames, a config none')
    return args


def browse_file(args: argparse.Namespace) -> list[Path]:
    """Draws the videos of a json file.

    Args:
        args: What `parse_args` returns.

    Returns:
        The files.
    """
    reader = YouTubeVISReader(source=args.source, videos=args.videos)
    count = min(len(reader), args.limit or len(reader))
    progress, files = ProgressLine('drawing videos'), []
    repeated = {name for name, count in Counter(reader.names).items() if count > 1}
    for done, video in enumerate(reader.videos(), 1):
        # Frames without a folder give their own names, and so may those of several videos.
        name = f'{video.name}_{video.video_id}' if video.name in repeated else video.name
        files += _draw_video(video, args.out / name, args)
        progress(done, count)
        if done == count:
            break
    return files


def _draw_video(video: AnnotatedVideo, target: Path, args: argparse.Namespace) -> list[Path]:
    source = ImageFrameSource(
        [resolve_frame(str(args.frames), name) for name in video.file_names],
        ori_shape=(video.height, video.width),
        name=video.name,
    )
    tracks = [
        Track(track.track_id, track.category + ' (crowd)' * track.iscrowd, track.tube)
        for track in video.tracks
    ]
    title = video.name if video.video_id is None else f'video {video.video_id}: {video.name}'
    sheet = track_sheet(source, tracks, title=title, frames=args.sheet_frames)
    files = [write_png(sheet, target.with_name(f'{target.name}.png'))]
    if not args.no_mp4:
        path = target.with_name(f'{target.name}.mp4')
        files.append(render_video(source, {'annotations': tracks}, path, title=title, fps=args.fps))
    return files


def browse_config(args: argparse.Namespace) -> list[Path]:
    """Draws training clips of a config's datasets.

    Args:
        args: What `parse_args` returns.

    Returns:
        The files.

    Raises:
        ConfigError: If the config has no dataset to train on.
    """
    cfg = read_config(str(args.source), {})
    init_default_scope(cfg.get('default_scope', 'mmtmt'))
    loader = cfg.get('train_dataloader') or {}
    if 'dataset' not in loader:
        raise ConfigError(f'config {args.source}: expected a train_dataloader, got none')
    dataset = DATASETS.build(loader['dataset'])
    parts = dataset.datasets if isinstance(dataset, ConcatDataset) else [dataset]
    files = []
    for part in parts:
        order = np.random.default_rng(args.seed).permutation(len(part))
        clips = [order[i % len(order)] for i in range(args.limit or 6)]
        rows = [
            _draw_clip(part, SampleKey(int(index), sample, args.seed))
            for sample, index in enumerate(clips, args.first_sample)
        ]
        files.append(write_png(stack_images(rows), args.out / f'{part.name}.png'))
    return files


def _draw_clip(dataset: VideoInstanceDataset, key: SampleKey) -> np.ndarray:
    sample = dataset[key]
    inputs, clip = sample['inputs'], sample['data_samples']
    tracks = [
        Track(instance_id, dataset.vocabulary.names[label], encode_tube(masks))
        for instance_id, label, masks in zip(
            clip.gt_tubes.instance_ids.tolist(), clip.gt_tubes.labels.tolist(), clip.gt_tubes.masks
        )
    ]
    return clip_row(
        inputs.permute(0, 2, 3, 1).numpy(),
        tracks,
        title=f'{dataset.name}, video {clip.video_id}' + ', mirrored' * bool(clip.flip),
        names=[f'frame {frame} of {clip.video_length}' for frame in clip.frame_indices],
        cell_width=480,
    )


def main() -> None:
    """Draws and says what was written."""
    args = parse_args()
    try:
        files = browse_file(args) if args.frames else browse_config(args)
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')
    print('\n'.join(map(str, files)))


if __name__ == '__main__':
    main()
