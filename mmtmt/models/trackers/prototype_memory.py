"""GenVIS' memory: what each instance was like in the clips so far."""
import torch
from torch import Tensor

FEWEST_PLACES = 16


class PrototypeMemory:
    """Instances on their way from clip to clip; query q is the same instance in all of them.

    Without gradients prototypes are written into a buffer that doubles when it is full, and, where
    the memory is bounded, over the oldest ones, so that a clip costs what reading costs.

    Attributes:
        queries: (B, Q, C) after the last clip; None before the first.
    """

    def __init__(self) -> None:
        self.queries: Tensor | None = None
        self._buffer: Tensor | None = None  # (B, Q, places, C)
        self._written = 0

    def __len__(self) -> int:
        """M, the number of clips remembered."""
        return 0 if self._buffer is None else min(self._written, self._buffer.shape[2])

    @property
    def prototypes(self) -> Tensor:
        """(B, Q, M, C) of the clips remembered, in any order."""
        return self._buffer[:, :, :len(self)]

    def append(self, queries: Tensor, prototypes: Tensor, longest: int | None = None) -> None:
        """Add a clip.

        Args:
            queries: (B, Q, C) after the clip.
            prototypes: (B, Q, C).
            longest: Clips to remember at most, the latest ones; None for all. The same for all
                clips of a video.
        """
        self.queries = queries
        place = self._written if longest is None else self._written % longest
        if self._buffer is None or torch.is_grad_enabled():
            # what gradients flow through is never written to
            parts = [prototypes[:, :, None]]
            if self._buffer is not None:
                kept = self.prototypes
                parts = [kept[:, :, :place], *parts, kept[:, :, place + 1:]]
            self._buffer = torch.cat(parts, dim=2)
        else:
            if place == self._buffer.shape[2]:
                places = max(FEWEST_PLACES, 2 * place)
                self._make_room(places if longest is None else min(places, longest))
            self._buffer[:, :, place] = prototypes
        self._written += 1

    def _make_room(self, places: int) -> None:
        batch, queries, filled, channels = self._buffer.shape
        larger = self._buffer.new_empty(batch, queries, places, channels)
        larger[:, :, :filled] = self._buffer
        self._buffer = larger

    def read(self, keys: Tensor, offsets: Tensor) -> Tensor:
        """What each instance remembers of itself: attention over its own past alone.

        Args:
            keys: (B, Q, C) of the queries.
            offsets: (B, Q), added to all products of a query with its past.

        Returns:
            (B, Q, C).
        """
        logits = torch.einsum('bqc,bqmc->bqm', keys, self.prototypes) + offsets[..., None]
        return torch.einsum('bqm,bqmc->bqc', logits.softmax(-1), self.prototypes)
