"""GenVIS' memory: what each instance was like in the clips so far."""
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class PrototypeMemory:
    """Instances on their way from clip to clip; query q is the same instance in all of them.

    Attributes:
        queries: (B, Q, C) after the last clip; None before the first.
        keys: (B, Q, M, C) of the M clips remembered.
        values: (B, Q, M, C).
    """

    queries: Tensor | None = None
    keys: Tensor | None = None
    values: Tensor | None = None

    def append(self, queries: Tensor, keys: Tensor, values: Tensor,
               longest: int | None = None) -> None:
        """Add a clip.

        Args:
            queries: (B, Q, C) after the clip.
            keys: (B, Q, C).
            values: (B, Q, C).
            longest: Clips to remember at most, the latest ones; None for all.
        """
        self.queries = queries
        keys, values = keys[:, :, None], values[:, :, None]
        if self.keys is not None:
            kept = slice(0 if longest is None else max(0, self.keys.shape[2] + 1 - longest), None)
            keys = torch.cat((self.keys[:, :, kept], keys), dim=2)
            values = torch.cat((self.values[:, :, kept], values), dim=2)
        self.keys, self.values = keys, values

    def read(self, keys: Tensor) -> Tensor:
        """What each instance remembers of itself: attention over its own past alone.

        Args:
            keys: (B, Q, C) of the queries.

        Returns:
            (B, Q, C).
        """
        weights = torch.einsum('bqc,bqmc->bqm', keys, self.keys).softmax(-1)
        return torch.einsum('bqm,bqmc->bqc', weights, self.values)
