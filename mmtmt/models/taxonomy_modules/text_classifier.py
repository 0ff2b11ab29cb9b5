"""Classification by similarity to text embeddings."""
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmtmt.models.utils.products import inner_products


class TextClassifier(nn.Module):
    """Scaled cosine between projected queries and projected category texts, plus no-object.

    The categories are an argument of the call, so that a trained model takes any vocabulary.

    Args:
        embed_dims: C of the queries.
        text_dims: d of the text embeddings.
        hidden_dims: Width of the common space.
        temperature: Starting temperature; its inverse multiplies the cosine.
    """

    def __init__(self, *, embed_dims: int, text_dims: int | None, hidden_dims: int = 256,
                 temperature: float = 0.07) -> None:
        super().__init__()
        if text_dims is None:
            raise ValueError("classifier='text' needs text embeddings: set model.text_bank")
        self.query_projection = nn.Linear(embed_dims, hidden_dims)
        self.text_projection = nn.Linear(text_dims, hidden_dims)
        self.no_object = nn.Parameter(torch.randn(1, hidden_dims))
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / temperature)))

    def forward(self, queries: Tensor, text: Tensor) -> Tensor:
        """Classify.

        Args:
            queries: (B, Q, C).
            text: (K, d).

        Returns:
            (B, Q, K + 1) logits, no-object last; float32 also under autocast.
        """
        categories = torch.cat((self.text_projection(text), self.no_object))
        # the scale makes steps of bfloat16 as large as differences between categories
        cosine = inner_products(*(F.normalize(rows.float(), dim=-1)
                                  for rows in (self.query_projection(queries), categories)))
        return self.log_scale.clamp(max=math.log(100)).exp() * cosine
