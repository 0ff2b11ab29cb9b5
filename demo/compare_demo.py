"""Shows what several models find in a video, side by side.

Objects that models agree on have the same number and colour in every panel.

Example:
    python demo/compare_demo.py clip.mp4 --out pair.mp4 \\
        --model base BASE_CONFIG BASE_CHECKPOINT --model TMT TMT_CONFIG TMT_CHECKPOINT
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('input', help='a video file, a folder of frames, or a quoted pattern')
    parser.add_argument(
        '--model',
        dest='models',
        nargs=3,
        action='append',
        required=True,
        metavar=('CAPTION', 'CONFIG', 'CHECKPOINT'),
        help='a model and what to call it; give two or more',
    )
    parser.add_argument('--out', type=Path, required=True, help='mp4 file to write')
    parser.add_argument(
        '--vocabulary',
        help='what to look for: a label space (ytvis19), a json file with categories, or names '
        'with commas between; default: all that each model knows',
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
    captions = [caption for caption, *_ in args.models]
    if len(set(captions)) < max(2, len(captions)):
        parser.error(f'--model: expected two or more with different captions, got {captions}')
    return args


def main() -> None:
    """Predicts with one model after another, draws and writes."""
    args = parse_args()
    # Imported after the arguments are known to be right: this takes seconds.
    from mmtmt.apis import VISInferencer
    from mmtmt.taxonomy import parse_vocabulary
    from mmtmt.utils.memory import keep_freed_memory
    from mmtmt.utils.progress import ProgressLine
    from mmtmt.visualization import render_video, share_numbers

    keep_freed_memory()
    panels = {}
    try:
        vocabulary = None if args.vocabulary is None else parse_vocabulary(args.vocabulary)
        for caption, config, checkpoint in args.models:
            inferencer = VISInferencer(
                config,
                checkpoint,
                device=args.device,
                vocabulary=vocabulary,
                trust=args.trust_checkpoint,
            )
            found = inferencer(args.input, progress=ProgressLine(caption))
            tracks = found.tracks(min_score=args.min_score)
            reference = next(iter(panels.values()), tracks)
            panels[caption] = share_numbers(reference, tracks)
            print(f'{caption}: {len(tracks)} objects of a score from {args.min_score}')
        title = Path(args.input).name
        print(render_video(found.source, panels, args.out, title=title, fps=args.fps))
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
