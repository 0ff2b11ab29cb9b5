"""Class and mask predictions of Mask2Former-type decoders."""
from torch import Tensor, nn

from mmtmt.models.layers import perceptron
from mmtmt.models.outputs import CategoryContext, QueryPrediction
from mmtmt.models.taxonomy_modules.text_classifier import TextClassifier

CLASSIFIERS = ('linear', 'text')


class MaskHead(nn.Module):
    """Reads class logits and a mask embedding from each query.

    Args:
        embed_dims: C.
        mask_dims: C_mask of the mask features.
        num_classes: K; the class logits have a further no-object column.
        classifier: `linear`, a row per category, or `text`, the similarity to the
            categories' text embeddings, which also takes categories unseen in training.
        text_dims: d of the text embeddings; needed by `text`.
    """

    def __init__(self, *, embed_dims: int, mask_dims: int, num_classes: int,
                 classifier: str = 'linear', text_dims: int | None = None) -> None:
        super().__init__()
        if classifier not in CLASSIFIERS:
            raise ValueError(f'classifier: expected one of {CLASSIFIERS}, got {classifier!r}')
        self.classifier = classifier
        if classifier == 'linear':
            self.cls_embed = nn.Linear(embed_dims, num_classes + 1)
        else:
            self.cls_embed = TextClassifier(embed_dims=embed_dims, text_dims=text_dims)
        self.mask_embed = perceptron(embed_dims, mask_dims)

    def forward(self, queries: Tensor, context: CategoryContext | None) -> QueryPrediction:
        """Predict.

        Args:
            queries: (B, Q, C), normalised.
            context: Holds the text embeddings for the text classifier.

        Returns:
            Class logits, mask embeddings and the queries themselves.
        """
        if self.classifier == 'linear':
            class_logits = self.cls_embed(queries)
        else:
            class_logits = self.cls_embed(queries, context.text)
        return QueryPrediction(class_logits, self.mask_embed(queries), queries)
