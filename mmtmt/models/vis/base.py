"""What all video instance segmentation models share: categories, losses' inputs, streaming."""
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import Tensor

from mmtmt.models.losses.label_space import LabelSpace
from mmtmt.models.losses.targets import ClipTarget
from mmtmt.models.outputs import CategoryContext
from mmtmt.models.text_encoders import CategoryTexts
from mmtmt.models.vis.evaluation_space import EvaluationSpace
from mmtmt.models.vis.settings import complete_settings
from mmtmt.registry import MODELS
from mmtmt.structures.frame_source import FrameSource
from mmtmt.taxonomy import Taxonomy, Vocabulary, load_vocabulary

CANDIDATES = ('union', 'sample', 'mixed')
TEST_VOCABULARIES = ('given', 'unified')
UNKNOWN_CATEGORIES = ('error', 'skip')


class VISModel(BaseModel):
    """Base of the meta-architectures.

    Datasets speak their own vocabularies; the union of all of them lives here alone. Prediction
    is a stream: `init_state`, then `step` for a few frames at a time, then `finish`; `predict`
    loops over it.

    Args:
        taxonomy: `vocabularies`, the list of the label spaces in the order of the union,
            and `aliases` ('default', 'strict', a file).
        text_bank: Arguments of CategoryTexts: `path` of the text embeddings (or the name of a
            shipped bank), the switches `center`, `normalize`, `scale` of their whitening, and
            `encoder_weights` for new words. None for models that read no text.
        candidates: What the taxonomy of a training clip may be compiled from: the `union`,
            the `sample`'s own vocabulary, or `mixed`, a coin for each sample.
        not_compiled: Names of categories that no taxonomy is compiled from, although they are
            predicted: UVO's `other` says nothing of what a clip shows.
        test_cfg: `vocabulary`, `given` (the evaluation vocabulary alone) or
            `unified` (the union, then translated); `unknown_categories`, what to do about
            categories of the evaluation vocabulary that a linear classifier has no row for, `error`
            or `skip` (they get no predictions); `max_per_video`, predictions of a video;
            `frames_per_step`, frames that are decoded and encoded at a time.
        data_preprocessor: Config of the preprocessor.
        init_cfg: mmengine initialisation.
    """

    # Keys of test_cfg, see complete_settings; subclasses add theirs.
    TEST_DEFAULTS: Mapping[str, Any] = dict(
        vocabulary='given', unknown_categories='error', max_per_video=10, frames_per_step=2)
    TEST_CHOICES: Mapping[str, Sequence[str]] = dict(
        vocabulary=TEST_VOCABULARIES, unknown_categories=UNKNOWN_CATEGORIES)
    TEST_FROM_ZERO: Sequence[str] = ()

    def __init__(self, *, taxonomy: dict, text_bank: dict | None = None,
                 candidates: str = 'union', not_compiled: Sequence[str] = (),
                 test_cfg: dict | None = None, data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        # built here, not by the parent, which would look for it in mmengine's own registry
        super().__init__(
            MODELS.build(data_preprocessor or dict(type='ClipDataPreprocessor')), init_cfg)
        if candidates not in CANDIDATES:
            raise ValueError(f'model.candidates: expected one of {CANDIDATES}, got {candidates!r}')
        self.candidates = candidates
        self.taxonomy = Taxonomy(**taxonomy)
        self.not_compiled = frozenset(map(self.taxonomy.row_key, not_compiled))
        self.register_buffer(
            'compilable', self._compilable(self.taxonomy.keys), persistent=False)
        self.texts = None if text_bank is None else CategoryTexts(**text_bank)
        text_rows = None
        if self.texts is not None:
            text_rows = torch.as_tensor(self.texts.rows(self.taxonomy))
        # not saved: the checkpoint keeps the bank's hash, the rows come from the bank
        self.register_buffer('text_rows', text_rows, persistent=False)
        self.test_cfg = complete_settings(
            test_cfg or {}, self.TEST_DEFAULTS, self.TEST_CHOICES, self.TEST_FROM_ZERO,
            self.taxonomy.vocabulary_names)
        # vocabularies to be tested in beside those of the taxonomy and of the package, by name
        self.evaluation_vocabularies: dict[str, Vocabulary] = {}
        self._reported: set[str | tuple[str, str]] = set()

    def max_per_video(self, space: EvaluationSpace) -> int:
        """How many predictions a video may have at most.

        Args:
            space: Of the video.

        Returns:
            What `test_cfg.max_per_video` says for its vocabulary.
        """
        numbers = self.test_cfg['max_per_video']
        if not isinstance(numbers, Mapping):
            return numbers
        default = numbers.get('default', VISModel.TEST_DEFAULTS['max_per_video'])
        return numbers.get(space.vocabulary, default)

    @property
    def num_classes(self) -> int:
        """K, the categories of the union."""
        return len(self.taxonomy)

    @property
    def text_dims(self) -> int | None:
        """d of the text embeddings."""
        return None if self.text_rows is None else self.text_rows.shape[1]

    def taxonomy_state(self) -> dict[str, Any]:
        """Union, vocabularies, aliases and the bank's hash as plain data, for checkpoints.

        Returns:
            The taxonomy's state (`keys`, `names`, ...) and, with text, `text_bank`.
        """
        state = self.taxonomy.state_dict()
        if self.texts is not None:
            state['text_bank'] = self.texts.state()
        return state

    def forward(self, inputs: Any, data_samples: list | None = None, mode: str = 'tensor') -> Any:
        """mmengine's entry point.

        Args:
            inputs: (B, T, 3, H, W) for `loss`, B frame sources for `predict`.
            data_samples: B samples.
            mode: `loss` or `predict`.

        Returns:
            Losses, or the samples with `pred_tubes`.

        Raises:
            ValueError: If the mode is another one.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        raise ValueError(f"mode: expected 'loss' or 'predict', got {mode!r}")

    @abstractmethod
    def loss(self, inputs: Tensor, samples: Sequence) -> dict[str, Tensor]:
        """Weighted losses of a batch.

        Args:
            inputs: (B, T, 3, H, W), normalised and padded.
            samples: B samples with `gt_tubes` in their own vocabularies.

        Returns:
            Losses and figures to log.
        """

    @torch.no_grad()
    def predict(self, inputs: Sequence[FrameSource], samples: Sequence) -> list:
        """Predict whole videos.

        Args:
            inputs: B videos.
            samples: B samples; `vocabulary` of their metainfo is the one to predict in.

        Returns:
            The samples with `pred_tubes`, and in their metainfo `compiled_labels`, the selected
            categories of the video that have a label in the vocabulary, best first, None where no
            taxonomy was compiled, and `num_discarded`, the predictions that have no label in the
            vocabulary (unified).
        """
        step = self.test_cfg['frames_per_step']
        for source, sample in zip(inputs, samples):
            state = self.init_state(sample.metainfo, source)
            for start in range(0, len(source), step):
                self.step(source.read(start, start + step), state)
            sample.pred_tubes = self.finish(state)
            sample.set_metainfo(dict(
                compiled_labels=state.compiled_labels, num_discarded=state.num_discarded))
        return list(samples)

    @abstractmethod
    def init_state(self, meta: Mapping[str, Any], source: FrameSource | None = None) -> Any:
        """Begin a video.

        Args:
            meta: `ori_shape`, (h, w) of the masks to return, and `vocabulary`,
                a name or a Vocabulary.
            source: The video, for models that read frames a second time.

        Returns:
            State for `step` and `finish`.
        """

    @abstractmethod
    def step(self, frames: Tensor, state: Any) -> None:
        """Take in the next frames.

        Args:
            frames: (t, 3, h, w) uint8, RGB, resized.
            state: From `init_state`; changed.
        """

    @abstractmethod
    def finish(self, state: Any) -> InstanceData:
        """End a video.

        Args:
            state: From `init_state`, after all steps.

        Returns:
            `scores` (M,), `labels` (M,) in the evaluation vocabulary, `tubes`.
        """

    def training_targets(self, samples: Sequence) -> tuple[list[ClipTarget], LabelSpace]:
        """Ground truth in the union.

        Args:
            samples: B samples.

        Returns:
            Per clip, and the vocabularies of the batch.
        """
        targets, vocabularies, compatible = [], [], []
        for sample in samples:
            vocabulary = sample.metainfo['vocabulary']
            tubes = sample.gt_tubes
            to_union = torch.as_tensor(self.taxonomy.to_union(vocabulary), device=self.device)
            targets.append(ClipTarget(to_union[tubes.labels], tubes.masks.float()))
            vocabularies.append(torch.as_tensor(self.taxonomy.mask(vocabulary)))
            compatible.append(torch.as_tensor(self.taxonomy.compatible(vocabulary)))
        vocabulary = torch.stack(vocabularies)
        # counted on the CPU: nothing waits for the device
        sizes = (vocabulary & self._compilable(self.taxonomy.keys)).sum(1)
        space = LabelSpace(
            vocabulary.to(self.device), torch.stack(compatible).to(self.device), sizes)
        return targets, space

    def training_context(self, space: LabelSpace) -> CategoryContext:
        """Candidates and texts of a training batch.

        Args:
            space: Vocabularies of the batch.

        Returns:
            For the decoder.
        """
        candidates, counts = space.vocabulary, space.sizes
        if self.candidates != 'sample':
            whole = torch.ones(len(candidates), 1, dtype=torch.bool)
            if self.candidates == 'mixed':
                whole = torch.rand(len(candidates), 1) < 0.5
            candidates = candidates | whole.to(candidates.device)
            counts = torch.where(whole[:, 0], self.num_classes - len(self.not_compiled), counts)
        return CategoryContext(candidates & self.compilable, self.text_rows, counts)

    def _compilable(self, keys: Iterable[str]) -> Tensor:
        """(K,) bool on the CPU, which rows of the union a taxonomy may be compiled from."""
        return torch.tensor([key not in self.not_compiled for key in keys])

    def evaluation_space(self, vocabulary: str | Vocabulary) -> EvaluationSpace:
        """The categories to predict a video in.

        Args:
            vocabulary: The evaluation vocabulary.

        Returns:
            Candidates, texts and the way back to evaluation labels.

        Raises:
            ValueError: If a category is unknown to the union, the classifier has a row per
                category, and `test_cfg.unknown_categories` is `error`.
        """
        if isinstance(vocabulary, str):
            vocabulary = self.evaluation_vocabularies.get(vocabulary, vocabulary)
        if not isinstance(vocabulary, str) or vocabulary not in self.taxonomy.vocabulary_names:
            vocabulary = load_vocabulary(vocabulary)
        columns = torch.as_tensor(self.taxonomy.to_union(vocabulary, missing='ignore'))
        labels = torch.as_tensor(self.taxonomy.from_union(vocabulary, missing='ignore'))
        if isinstance(vocabulary, str):
            trained = self.taxonomy.vocabulary_names.index(vocabulary)
            vocabulary = self.taxonomy.vocabularies[trained]
        elif self.classifier == 'text' and int((labels >= 0).sum()) < len(vocabulary):
            return self._open_space(vocabulary, columns, labels)
        self._check_unknown(vocabulary, columns)
        self._report_shared(vocabulary, columns, labels)
        competing = torch.ones(self.num_classes, dtype=torch.bool)
        if self.test_cfg['vocabulary'] == 'given':
            competing = labels >= 0
        return self._space(vocabulary, self.taxonomy.keys, self.text_rows, competing, labels)

    def _space(self, vocabulary: Vocabulary, keys: Sequence[str], text: Tensor | None,
               competing: Tensor, labels: Tensor) -> EvaluationSpace:
        """Put together what is known of K categories, on the CPU but for `text`."""
        candidates = competing & self._compilable(keys)
        context = CategoryContext(candidates[None].to(self.device), text, candidates.sum()[None])
        return EvaluationSpace(
            context, competing.to(self.device), labels.to(self.device), vocabulary.name)

    def _check_unknown(self, vocabulary: Vocabulary, columns: Tensor) -> None:
        """Categories without a row in a linear classifier: refuse them, or tell how many they are.
        """
        unknown = [n for n, column in zip(vocabulary.names, columns.tolist()) if column < 0]
        if not unknown:
            return
        if self.test_cfg['unknown_categories'] == 'error' or len(unknown) == len(vocabulary):
            raise ValueError(
                f'vocabulary {vocabulary.name!r}: the model was not trained on {unknown}; words '
                "outside its taxonomy need a model with classifier='text'"
                f'{self._without_text_classifier()}. '
                "test_cfg.unknown_categories='skip' predicts the others alone, if there are any")
        if vocabulary.name not in self._reported:
            self._reported.add(vocabulary.name)
            print_log(
                f'{vocabulary.name}: {len(vocabulary) - len(unknown)} of {len(vocabulary)} '
                f'categories are in the taxonomy of the model; without predictions: '
                f'{", ".join(unknown)}', 'current')

    def _without_text_classifier(self) -> str:
        if type(self).classifier is VISModel.classifier:
            return f', which {type(self).__name__} has not'
        return ''

    def _report_shared(self, vocabulary: Vocabulary, columns: Tensor, labels: Tensor) -> None:
        """Tell of categories that the model takes for others of the same vocabulary."""
        speaking = labels.tolist()
        shared = [
            f'{name} (as {vocabulary.names[speaking[column]]})'
            for label, (name, column) in enumerate(zip(vocabulary.names, columns.tolist()))
            if column >= 0 and speaking[column] != label
        ]
        if shared and (vocabulary.name, 'shared') not in self._reported:
            self._reported.add((vocabulary.name, 'shared'))
            print_log(
                f'{vocabulary.name}: categories that are one to the model come under one name; '
                f'without predictions of their own: {", ".join(shared)}', 'current')

    def _open_space(
        self, vocabulary: Vocabulary, columns: Tensor, labels: Tensor
    ) -> EvaluationSpace:
        """A vocabulary with words that have no row of the union to themselves, which only a text
        classifier can read.

        A category that shares a row of the union with no other of the vocabulary reads the text
        of that row, which was trained: as `car`, if `sedan` is asked for. With
        `test_cfg.vocabulary='unified'` the rows that the vocabulary doesn't cover compete too.
        """
        shared = (columns[:, None] == columns).sum(dim=1)
        trained = (columns >= 0) & (shared == 1)
        text = self.text_rows[columns.clamp(min=0).to(self.device)]
        new = (~trained).nonzero()[:, 0]
        if len(new):
            rows = self.texts.rows_of_any(vocabulary.part(new.tolist()), self.device)
            text[new.to(self.device)] = torch.as_tensor(rows, device=self.device)
        own = torch.arange(len(vocabulary))
        others = torch.zeros(self.num_classes, dtype=torch.bool)
        if self.test_cfg['vocabulary'] == 'unified':
            others = labels < 0
            text = torch.cat([text, self.text_rows[others.to(self.device)]])
        to_labels = torch.cat([own, own.new_full((int(others.sum()),), -1)])
        keys = [self.taxonomy.aliases.resolve(key, vocabulary.name) for key in vocabulary.keys]
        keys += [key for key, other in zip(self.taxonomy.keys, others.tolist()) if other]
        competing = torch.ones(len(keys), dtype=torch.bool)
        return self._space(vocabulary, keys, text, competing, to_labels)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.data_preprocessor.device

    @property
    def classifier(self) -> str:
        """`linear` or `text`; models with a head of their own kind say so."""
        return 'linear'
