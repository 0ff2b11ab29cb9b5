"""VITA's object encoder: the queries of frames tell each other what they have seen."""
import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmtmt.models.layers import SelfAttentionLayer, xavier_init
from mmtmt.models.utils import TensorStore

# bounds the memory of long videos, whose windows are many
WINDOWS_AT_A_TIME = 4


class ObjectEncoder(BaseModule):
    """Self-attention among the queries of the frames of a temporal window (VITA, section 3.2).

    Windows lie side by side. At test time those of every second layer are shifted by half a window,
    so that what is seen travels along the video; the first one then holds the frames before the
    shift alone. Training clips are about a window long and never shift, as in the official code,
    which rolls the video round and masks what doesn't belong together.

    Args:
        embed_dims: C.
        num_layers: Layers.
        window: Frames of a window; 0 lets all frames attend to each other.
        num_heads: Attention heads.
        feedforward_dims: Hidden width of the feed-forward blocks.
        init_cfg: mmengine initialisation.
    """

    def __init__(self, *, embed_dims: int, num_layers: int, window: int, num_heads: int,
                 feedforward_dims: int, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if window < 0:
            raise ValueError(f'window: expected frames, or 0 for all, got {window}')
        self.window = window
        self.layers = nn.ModuleList([
            SelfAttentionLayer(embed_dims, num_heads, feedforward_dims) for _ in range(num_layers)
        ])
        xavier_init(self.layers)

    def forward(self, tokens: Tensor) -> Tensor:
        """Encode clips.

        Args:
            tokens: (B, T, Q, C), Q queries of each frame.

        Returns:
            (B, T, Q, C).
        """
        for index, layer in enumerate(self.layers):
            tokens = torch.cat([
                _in_windows(layer, tokens[:, start:stop], window)
                for start, stop, window in self._parts(index, tokens.shape[1])
            ], dim=1)
        return tokens

    def encode_stored(self, store: TensorStore) -> None:
        """Encode a long video in place, a few windows at a time.

        Args:
            store: T rows (Q, C); changed.
        """
        for index, layer in enumerate(self.layers):
            for first, last, window in self._parts(index, len(store)):
                step = window * WINDOWS_AT_A_TIME
                for start in range(first, last, step):
                    rows = store.read(start, min(last, start + step))
                    store.write(start, _in_windows(layer, rows[None], window)[0])

    def _parts(self, index: int, frames: int) -> list[tuple[int, int, int]]:
        """Where windows of one length begin and end in a layer, and this length."""
        window = self.window or frames
        shifted = self.window and not self.training and index % 2 == 1
        first = min(window // 2, frames) if shifted else 0
        last = frames - (frames - first) % window
        parts = ((0, first, first), (first, last, window), (last, frames, frames - last))
        return [part for part in parts if part[0] < part[1]]


def _in_windows(layer: SelfAttentionLayer, tokens: Tensor, window: int) -> Tensor:
    """Apply a layer within windows that divide the frames (B, T, Q, C) evenly."""
    windows = tokens.unflatten(1, (-1, window)).flatten(0, 1)  # (B * T / window, window, Q, C)
    encoded = torch.cat([
        layer(part.flatten(1, 2)) for part in windows.split(WINDOWS_AT_A_TIME)])
    return encoded.reshape(tokens.shape)
