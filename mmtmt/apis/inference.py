"""Predicting videos from Python: a model from its files, and what it sees in a clip."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmtmt.engine.checkpoint import load_checkpoint_file
from mmtmt.engine.config_check import check_model_config, config_mistakes
from mmtmt.engine.launch import read_config
from mmtmt.engine.weights import load_into
from mmtmt.evaluation.functional import to_json_results, write_results
from mmtmt.registry import INFERENCERS, MODELS, TRANSFORMS
from mmtmt.structures.frame_source import FrameSource
from mmtmt.structures.resize import ResizeRule
from mmtmt.structures.tubes import Tube
from mmtmt.taxonomy import Category, Taxonomy, Vocabulary, load_vocabulary
from mmtmt.utils.video import open_frame_source
from mmtmt.visualization import Track, render_video, tracks_from_prediction

Progress = Callable[[int, int], None]


def init_model(
    config: str | Path | Config,
    checkpoint: str | Path,
    device: str | torch.device | None = None,
    trust: bool = False,
) -> torch.nn.Module:
    """Builds a model and loads its weights, ready for prediction.

    Args:
        config: A config, its file, or ``mmtmt::folder/name.py``.
        checkpoint: File of the weights; class rows are put in the order of the config's taxonomy.
        device: By default a GPU when there is one.
        trust: Allow code in the checkpoint to run when plain data is not enough.

    Returns:
        The model in evaluation mode; its ``cfg`` is the config.

    Raises:
        ValueError: If the config doesn't exist, the checkpoint doesn't fit the model in every
            entry, or a GPU is asked for that isn't there.
        FileNotFoundError: If a file is missing.
    """
    if not isinstance(config, Config):
        config = read_config(str(config), {})
    device = _check_device(device or ('cuda' if torch.cuda.is_available() else 'cpu'))
    init_default_scope(config.get('default_scope', 'mmtmt'))
    check_model_config(config)
    with config_mistakes():
        model = MODELS.build(config.model)
    weights = load_checkpoint_file(checkpoint, trust=trust)
    load_into(model, weights, strict=True, source=str(checkpoint))
    model.cfg = config
    return model.to(device).eval()


def _check_device(name: str | torch.device) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f'device {name!r}: {str(error).splitlines()[0]}') from error
    if device.type == 'cuda' and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f'device {device}: this torch finds {torch.cuda.device_count()} GPUs')
    return device


@dataclass(frozen=True)
class VideoInstances:
    """What was found in a video, best first; M predictions.

    A model ranks pairs of object and category, so one object may come under several names;
    `tracks` keeps the best of them.

    Attributes:
        scores: (M,) float32.
        labels: (M,) int64, positions in the vocabulary.
        tubes: M lists of one compressed RLE or None per frame.
        vocabulary: The categories asked for.
        source: The frames.
    """

    scores: np.ndarray
    labels: np.ndarray
    tubes: list[Tube]
    vocabulary: Vocabulary
    source: FrameSource

    def __len__(self) -> int:
        """Return the number of predictions."""
        return len(self.scores)

    @property
    def names(self) -> list[str]:
        """The category of each prediction."""
        return [self.vocabulary.names[label] for label in self.labels]

    def tracks(self, *, min_score: float = 0.3) -> list[Track]:
        """The objects worth showing, each once.

        Args:
            min_score: Predictions of a lower score are left out.

        Returns:
            The tracks, best first.
        """
        return tracks_from_prediction(
            self.scores, self.labels, self.tubes, self.vocabulary.names, min_score=min_score
        )

    def to_results(self, video_id: int = 1) -> list[dict[str, Any]]:
        """All predictions in the YouTube-VIS results form.

        Args:
            video_id: Id to write.

        Returns:
            ``{video_id, category_id, category_name, score, segmentations}`` of plain json types.
        """
        return to_json_results(
            [
                {
                    'video_id': video_id,
                    'category_id': int(self.vocabulary.ids[label]),
                    'category_name': self.vocabulary.names[label],
                    'score': float(score),
                    'segmentations': tube,
                }
                for score, label, tube in zip(self.scores, self.labels, self.tubes, strict=True)
            ]
        )

    def save(
        self, video: str | Path, *, min_score: float = 0.3, fps: float | None = None
    ) -> tuple[Path, Path]:
        """Writes an overlay video and, beside it, all predictions as json.

        Args:
            video: The mp4 file to write.
            min_score: Predictions of a lower score are not drawn.
            fps: Frames per second; by default those of the input.

        Returns:
            The paths of the video and of the json file.

        Raises:
            ValueError: If the name doesn't end with .mp4.
        """
        if Path(video).suffix.lower() != '.mp4':
            raise ValueError(f'expected the name of an mp4 file, got {video}')
        # first what took long to find
        results = write_results(self.to_results(), Path(video).with_suffix('.json'))
        panels = {'prediction': self.tracks(min_score=min_score)}
        return render_video(self.source, panels, video, fps=fps), results


@INFERENCERS.register_module()
class VISInferencer:
    """Predicts videos of any form and length, a few frames at a time.

    Example:
        >>> inferencer = VISInferencer('config.py', 'checkpoint.pth')
        >>> found = inferencer('clip.mp4')
        >>> found.names, found.scores
        >>> found.save('overlay.mp4')

    Args:
        config: A config or its file.
        checkpoint: File of the weights.
        device: By default a GPU when there is one.
        vocabulary: What to look for: the name of a label space, the path of a json file with
            categories, a list of names, or a Vocabulary. By default all that the model knows.
        resize: Rule for the size that the model sees; by default that of the config's test
            pipeline.
        text_weights: Weights of the encoder that the model's text bank records, a file or a folder,
            for names that the bank misses; by default they are looked for in the cache of the hub.
        trust: Allow code in the checkpoint to run when plain data is not enough.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        *,
        device: str | torch.device | None = None,
        vocabulary: str | Path | Sequence[str] | Vocabulary | None = None,
        resize: ResizeRule | None = None,
        text_weights: str | Path | None = None,
        trust: bool = False,
    ) -> None:
        if text_weights is not None:
            config = with_text_weights(config, text_weights)
        self.model = init_model(config, checkpoint, device, trust)
        self.vocabulary = evaluation_vocabulary(vocabulary, self.model.taxonomy)
        self.resize = resize or resize_of_test_pipeline(self.model.cfg)

    def __call__(
        self,
        video: str | Path | Sequence[str | Path] | np.ndarray | FrameSource,
        *,
        progress: Progress | None = None,
    ) -> VideoInstances:
        """Predicts one video.

        Args:
            video: A video file, a folder of frames, a pattern, a list of image files, or frames
                (T, H, W, 3) uint8, RGB.
            progress: Called with the number of frames done and of all frames.

        Returns:
            What was found.

        Raises:
            FrameError: If there is no such video or a frame can't be read.
        """
        source = open_frame_source(video, resize=self.resize)
        meta = {'ori_shape': source.ori_shape, 'vocabulary': self.vocabulary}
        state = self.model.init_state(meta, source)
        step = self.model.test_cfg['frames_per_step']
        for start in range(0, len(source), step):
            self.model.step(source.read(start, start + step), state)
            if progress is not None:
                progress(min(start + step, len(source)), len(source))
        found = self.model.finish(state)
        scores = found.scores.cpu().numpy()
        order = np.argsort(-scores, kind='stable')  # models that track give one track after another
        return VideoInstances(
            scores=scores[order],
            labels=found.labels.cpu().numpy()[order],
            tubes=[found.tubes[i] for i in order],
            vocabulary=self.vocabulary,
            source=source,
        )


def evaluation_vocabulary(
    vocabulary: str | Path | Sequence[str] | Vocabulary | None, taxonomy: Taxonomy
) -> Vocabulary:
    """The categories to predict in.

    Args:
        vocabulary: As for `VISInferencer`.
        taxonomy: What the model knows, the default.

    Returns:
        The vocabulary.
    """
    if vocabulary is None:
        # One name may stand for two things (the animal and the computer's mouse): keys don't.
        names = [
            name if taxonomy.names.count(name) == 1 else key
            for name, key in zip(taxonomy.names, taxonomy.keys)
        ]
        categories = tuple(map(Category, names, taxonomy.keys, taxonomy.texts))
        return Vocabulary('union', categories, tuple(range(1, len(categories) + 1)))
    if isinstance(vocabulary, (str, Path, Vocabulary)):
        return load_vocabulary(vocabulary)
    return Vocabulary.from_names('given', vocabulary)


def with_text_weights(config: str | Path | Config, weights: str | Path) -> Config:
    """A config whose text bank knows where the weights of its encoder lie.

    Args:
        config: A config or its file.
        weights: A file or a folder.

    Returns:
        A changed copy.

    Raises:
        ValueError: If the model reads no text.
    """
    config = copy.deepcopy(config) if isinstance(config, Config) else read_config(str(config), {})
    if not config.model.get('text_bank'):
        raise ValueError('weights of a text encoder are given, but the model has no text_bank')
    config.model.text_bank.encoder_weights = str(weights)
    return config


def resize_of_test_pipeline(cfg: Config) -> ResizeRule:
    """The size at which a config's test pipeline shows frames to the model.

    Args:
        cfg: A config.

    Returns:
        The rule of the first LoadFrames transform of ``test_dataloader``.

    Raises:
        ValueError: If there is none.
    """
    dataset = cfg.get('test_dataloader', {}).get('dataset', {})
    for part in dataset.get('datasets', [dataset]):
        for transform in part.get('pipeline', []):
            if isinstance(transform, Mapping) and transform['type'] == 'LoadFrames':
                return TRANSFORMS.build(transform).resize
    raise ValueError(
        'the config has no LoadFrames in test_dataloader.dataset.pipeline that tells the size of '
        'frames: pass resize=ResizeRule(...)'
    )
