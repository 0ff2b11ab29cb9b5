"""The wrapper that makes any decoder taxonomy-aware."""
from collections.abc import Sequence
from functools import partial

from mmengine.model import BaseModule
from torch import Tensor

from mmtmt.models.decoders.frame_mask_decoder import fold_frames
from mmtmt.models.outputs import CategoryContext, DecoderOutputs
from mmtmt.registry import MODELS


@MODELS.register_module()
class InjectionDecoder(BaseModule):
    """Compiles the taxonomy of a clip and injects it into the queries of the wrapped decoder.

    It works alike in training and at test time, for any number of clips and frames (TMT-VIS,
    figure 2). With identity initialisation a fresh InjectionDecoder gives exactly the outputs of
    the decoder it wraps. A checkpoint of the wrapped decoder alone loads into it.

    Around a frame decoder the taxonomy is compiled from each frame, which alone makes a video's
    results independent of how many frames are decoded at a time; or from the clip, by one attention
    over the pixels of all its frames, and injected into the queries of each frame. At test time a
    clip is then as many frames as the model's `test_cfg.taxonomy_frames` says (GenVIS:
    `frames_per_clip`).

    Args:
        decoder: Config of the base's decoder.
        compilation: Config of TaxonomyCompilation.
        injection: Config of TaxonomyInjection.
        text_dims: d of the text embeddings.
        num_classes: K, of decoders that classify; None for those whose model has the classifier.
        compile_per: `frame` or `clip`, what one taxonomy is compiled from; by default what one
            set of queries is decoded from.
        init_cfg: mmengine initialisation.
    """

    def __init__(self, *, decoder: dict, compilation: dict, injection: dict,
                 text_dims: int | None, num_classes: int | None = None,
                 compile_per: str | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if text_dims is None:
            raise ValueError('InjectionDecoder needs text embeddings: set model.text_bank')
        classifier = dict(num_classes=num_classes, text_dims=text_dims)
        self.decoder = MODELS.build(
            decoder, default_args=None if num_classes is None else classifier)
        units = ('frame', 'clip') if self.decoder.unit == 'frame' else ('clip', )
        self.compile_per = compile_per or self.decoder.unit
        if self.compile_per not in units:
            raise ValueError(f'InjectionDecoder.compile_per: expected one of {units} around '
                             f'{type(self.decoder).__name__}, got {compile_per!r}')
        self.compilation = MODELS.build(
            compilation,
            default_args=dict(text_dims=text_dims, embed_dims=self.decoder.embed_dims))
        self.injection = MODELS.build(
            injection,
            default_args=dict(
                embed_dims=self.decoder.embed_dims, num_layers=self.num_layers,
                num_selected=self.compilation.num_selected))
        if self.unit == 'frame' and self.injection.adds_queries:
            raise ValueError("injection.aggregation='concat' adds queries that have no identity "
                             'from frame to frame: it needs a decoder of clips, got '
                             f'{type(self.decoder).__name__}')
        self.register_load_state_dict_pre_hook(_accept_plain_decoder)

    @property
    def embed_dims(self) -> int:
        """C of the queries."""
        return self.decoder.embed_dims

    @property
    def num_queries(self) -> int:
        """Q of the wrapped decoder's learned queries."""
        return self.decoder.num_queries

    @property
    def num_layers(self) -> int:
        """Layers of the wrapped decoder."""
        return self.decoder.num_layers

    @property
    def unit(self) -> str:
        """`frame` or `clip`, what one set of queries is decoded from."""
        return self.decoder.unit

    @property
    def head(self):
        """The wrapped decoder's prediction head."""
        return self.decoder.head

    def forward(self, multi_scale: Sequence[Tensor], mask_features: Tensor | None,
                context: CategoryContext, *, padding: Sequence[Tensor] | None = None,
                auxiliary: bool = True, **inputs) -> DecoderOutputs:
        """Decode a batch of clips with their compiled taxonomy.

        Args:
            multi_scale: (B, T, C, h, w) of strides 32, 16, 8.
            mask_features: (B, T, C_mask, H, W) of stride 4, for decoders that read them.
            context: Text embeddings and candidate categories.
            padding: (B, T, h, w) bool of each level, True where the taxonomy must not look.
            auxiliary: Keep the predictions of all stages, not of the last alone.
            **inputs: What else the wrapped decoder reads.

        Returns:
            The wrapped decoder's, with the compiled taxonomy: one per set of queries.
        """
        frames = multi_scale[0].shape[1]
        if self.compile_per == 'frame':
            multi_scale = [fold_frames(level) for level in multi_scale]
            padding = padding and [fold_frames(mask) for mask in padding]
            if mask_features is not None:
                mask_features = fold_frames(mask_features)
            context = context.for_frames(frames)
        compiled = self.compilation(multi_scale, mask_features, context, padding)
        if self.compile_per != self.unit:
            compiled = compiled.for_frames(frames)
        outputs = self.decoder(
            multi_scale, mask_features, context, inject=partial(self.injection, compiled),
            auxiliary=auxiliary, **inputs)
        outputs.compiled = compiled
        return outputs

    @staticmethod
    def move_plain_entries(state_dict: dict, prefix: str) -> None:
        """Move the entries of a plain decoder below `decoder.`, as any loading does.

        Args:
            state_dict: A checkpoint's; changed.
            prefix: What the names of this module's entries begin with.
        """
        own = tuple(f'{prefix}{name}.' for name in ('decoder', 'compilation', 'injection'))
        for key in [key for key in state_dict if key.startswith(prefix)]:
            if not key.startswith(own):
                state_dict[f'{prefix}decoder.{key[len(prefix):]}'] = state_dict.pop(key)


def _accept_plain_decoder(module: InjectionDecoder, state_dict: dict, prefix: str, *args) -> None:
    module.move_plain_entries(state_dict, prefix)
