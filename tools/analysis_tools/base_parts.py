"""Parts of the benchmark on all bases: cost per frame, share of the taxonomy."""
from collections.abc import Callable
from functools import partial

import bases
import sides
import torch

Timer = Callable[[dict[str, Callable], int], dict[str, float]]


def frame_costs(in_turns: Timer, size: tuple[int, int], frames: int,
                rounds: int) -> list[list[str]]:
    """Time per frame of online bases beside Mask2Former-VIS, with its weights where they fit.

    Args:
        in_turns: Median seconds by name.
        size: Height and width in pixels.
        frames: Of the video.
        rounds: Turns that count.

    Returns:
        Rows of the table.
    """
    clip = sides.make_frames(frames, *size)
    models = {name: bases.build(bases.PAIRS[name][0])
              for name in ('Mask2Former-VIS', 'MinVIS', 'GenVIS')}
    first = models['Mask2Former-VIS']
    image = first.data_preprocessor.normalize(torch.from_numpy(clip[:1]).permute(0, 3, 1, 2))
    shares = {}
    for name, model in models.items():
        missing = model.load_state_dict(first.state_dict(), strict=False).missing_keys
        state = model.state_dict()
        total = sum(value.numel() for value in state.values())
        shares[name] = 1 - sum(state[key].numel() for key in missing) / total
        with torch.no_grad():
            features = [each.extract(image).mask_features for each in (first, model)]
        torch.testing.assert_close(*features)
    seconds = in_turns({name: partial(bases.predict, model, clip)
                        for name, model in models.items()}, rounds)
    return [[name, f'{shares[name]:.0%}', f'{value / frames * 1e3:.0f} ms',
             f'{value / seconds["Mask2Former-VIS"]:.2f}'] for name, value in seconds.items()]


def taxonomy_shares(in_turns: Timer, size: tuple[int, int], frames: int,
                    rounds: int) -> list[list[str]]:
    """What the taxonomy takes of the time of each base.

    Args:
        in_turns: Median seconds by name.
        size: Height and width in pixels.
        frames: Of the video.
        rounds: Turns that count.

    Returns:
        Rows of the table.
    """
    clip = sides.make_frames(frames, *size)
    rows = []
    for name, configs in bases.PAIRS.items():
        plain, aware = (bases.build(config) for config in configs)
        aware.load_state_dict(plain.state_dict(), strict=False)
        # a fresh injection changes nothing
        bases.assert_same(bases.predict(aware, clip), bases.predict(plain, clip))
        seconds = in_turns({'plain': partial(bases.predict, plain, clip),
                            'aware': partial(bases.predict, aware, clip)}, rounds)
        rows.append([
            f'{name}, {frames} frames, {plain.num_classes} categories, N_T = 10',
            f'{seconds["plain"]:.2f} s', f'{seconds["aware"]:.2f} s',
            f'{seconds["aware"] / seconds["plain"] - 1:+.1%}'])
    return rows
