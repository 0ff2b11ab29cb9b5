"""Finds and follows the objects of a video, and draws them.

Example:
    python demo/video_demo.py clip.mp4 CONFIG CHECKPOINT --out out.mp4
    python demo/video_demo.py 'frames/*.jpg' CONFIG CHECKPOINT --out out.mp4 --fps 10
    python demo/video_demo.py frames/ CONFIG CHECKPOINT --out out.mp4 --vocabulary "zebra, giraffe"
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('input', help='a video file, a folder of frames, or a quoted pattern')
    parser.add_argument('config', help='config of the model')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument(
        '--out', type=Path, required=True, help='mp4 file to write; all results go to OUT.json'
    )
    parser.add_argument(
        '--vocabulary',
        help='what to look for: a label space (ytvis19), a json file with categories, or names '
        'with commas between; default: all that the model knows',
    )
    parser.add_argument(
        '--text-weights',
        help="weights of the text bank's encoder, a file or a folder, for names that the bank "
        'misses; default: the cache of the Hugging Face hub',
    )
    parser.add_argument(
        '--min-score', type=float, default=0.3, help='least score to be drawn (default: 0.3)'
    )
    parser.add_argument('--fps', type=float, help='frames per second; default: as in the input')
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ...; default: a GPU when there is one')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load checkpoints that can run code, of a source that you trust',
    )
    args = parser.parse_args()
    if args.out.suffix.lower() != '.mp4':
        parser.error(f'--out: expected a file name that ends in .mp4, got {args.out}')
    if args.fps is not None and not args.fps > 0:
        parser.error(f'--fps: expected more than 0, got {args.fps}')
    return args


def main() -> None:
    """Predicts, draws and writes."""
    args = parse_args()
    # Imported after the arguments are known to be right: this takes seconds.
    from mmtmt.apis import VISInferencer
    from mmtmt.taxonomy import parse_vocabulary
    from mmtmt.utils.memory import keep_freed_memory
    from mmtmt.utils.progress import ProgressLine

    keep_freed_memory()

    try:
        vocabulary = None if args.vocabulary is None else parse_vocabulary(args.vocabulary)
        inferencer = VISInferencer(
            args.config,
            args.checkpoint,
            device=args.device,
            vocabulary=vocabulary,
            text_weights=args.text_weights,
            trust=args.trust_checkpoint,
        )
        found = inferencer(args.input, progress=ProgressLine('frames'))
        video, results = found.save(args.out, min_score=args.min_score, fps=args.fps)
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')
    tracks = found.tracks(min_score=args.min_score)
    for track in tracks:
        frames = sum(rle is not None for rle in track.tube)
        print(f'{track.label}, in {frames} of {len(track.tube)} frames')
    if not tracks:
        best = f'the best has {max(found.scores):.2f}' if len(found) else 'there is no prediction'
        print(f'no object reaches a score of {args.min_score}: {best}')
    print(f'{video}\n{results}')


if __name__ == '__main__':
    main()
