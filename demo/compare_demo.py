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

from mmtmt.utils.video_arguments import add_video_arguments, parse_video_arguments


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_video_arguments(parser)
    parser.add_argument(
        '--model',
        dest='models',
        nargs=3,
        action='append',
        required=True,
        metavar=('CAPTION', 'CONFIG', 'CHECKPOINT'),
        help='a model and what to call it; give two or more',
    )
    args = parse_video_arguments(parser)
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
                text_weights=args.text_weights,
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
