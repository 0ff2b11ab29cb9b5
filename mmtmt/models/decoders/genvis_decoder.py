"""GenVIS' clip decoder: VITA's, with queries and a memory that go from clip to clip."""
from torch import Tensor, nn

from mmtmt.models.decoders.vita_decoder import ClipOutputs, VITADecoder
from mmtmt.models.outputs import CategoryContext
from mmtmt.models.trackers.prototype_memory import PrototypeMemory
from mmtmt.registry import MODELS


@MODELS.register_module()
class GenVISDecoder(VITADecoder):
    """Decodes the clips of a video one after another (GenVIS, arXiv 2211.08834).

    The queries of a clip begin as those of the clip before, the learned ones in the first clip; a
    projection of themselves and what each of them reads from its memory are added. After the clip
    each query writes a prototype of its instance.

    Args:
        max_memory: Clips to remember at most, the latest ones; None for all, as the official code.
            A clip of 100 queries of 256 channels takes 100 kB.
        window: As for VITADecoder; all frames of these short clips attend to each other.
        **kwargs: Of VITADecoder.
    """

    def __init__(self, *, max_memory: int | None = 256, window: int = 0, **kwargs) -> None:
        super().__init__(window=window, **kwargs)
        if max_memory is not None and max_memory < 1:
            raise ValueError(f'max_memory: expected at least 1 clip or None, got {max_memory}')
        self.max_memory = max_memory
        dims = self.query_feat.embedding_dim
        self.memory_key = nn.Linear(dims, dims)
        self.memory_value = nn.Linear(dims, dims)
        self.query_key = nn.Linear(dims, dims)
        self.query_value = nn.Linear(dims, dims)

    def forward(self, frame_queries: Tensor, context: CategoryContext | None = None, *,
                memory: PrototypeMemory, auxiliary: bool = True) -> ClipOutputs:
        """Decode the next clips of a batch of videos.

        Args:
            frame_queries: (B, T, Q_f, C), normalised.
            context: Holds the text embeddings for the text classifier.
            memory: Of the clips before; this clip is added.
            auxiliary: Keep the predictions of all layers, not of the last alone.

        Returns:
            Predictions.
        """
        queries = memory.queries
        if queries is None:
            start = self.query_feat.weight.expand(len(frame_queries), -1, -1)
            start = start + self.query_value(start)
        else:
            start = queries + self.query_value(queries) + self._recall(queries, memory)
        outputs = self.decode(self.encode(frame_queries), start, context, auxiliary)
        memory.append(outputs.queries, outputs.predictions[-1].query_embeds, self.max_memory)
        return outputs

    def _recall(self, queries: Tensor, memory: PrototypeMemory) -> Tensor:
        """What queries read from the memory; W and b of keys and values as the class says."""
        asked = self.query_key(queries)
        # a constant in the softmax, but for the gradient of the bias
        offsets = asked @ self.memory_key.bias
        return self.memory_value(memory.read(asked @ self.memory_key.weight, offsets))
