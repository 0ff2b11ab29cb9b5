"""Finds and follows the objects of a video, draws them, and writes all results to OUT.json.

Example:
    python demo/video_demo.py clip.mp4 CONFIG CHECKPOINT --out out.mp4
    python demo/video_demo.py 'frames/*.jpg' CONFIG CHECKPOINT --out out.mp4 --fps 10
    python demo/video_demo.py frames/ CONFIG CHECKPOINT --out out.mp4 --vocabulary "zebra, giraffe"
"""

from __future__ import annotations

import argparse
import sys

from mmtmt.utils.video_arguments import add_video_arguments, parse_video_arguments


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_video_arguments(parser)
    parser.add_argument('config', help='config of the model')
    parser.add_argument('checkpoint', help='its weights')
    return parse_video_arguments(parser)


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
