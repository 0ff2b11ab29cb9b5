"""Any backbone of timm that can return its feature maps."""

import difflib

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmtmt.registry import MODELS

from .files import read_state_dict, require_weights_file


@MODELS.register_module()
class TimmFeatures(BaseModule):
    """A timm model built with ``features_only=True``.

    Weights come from a file or not at all: building a model never reaches for the network.

    Args:
        model_name: timm's name, such as 'convnext_tiny'; ``timm.list_models()`` lists them.
        weights: File with the model's weights (``.safetensors`` or ``.pth``), read by
            ``init_weights``; None for random ones.
        strides: Strides of the feature maps to return, in this order.
        frozen: Keep every parameter, and the statistics of every batch norm, as they are.
        norm_eval: Keep the statistics of every batch norm as they are.
        model_kwargs: Further arguments of ``timm.create_model``, such as ``img_size``.
        init_cfg: As for every module of mmengine.

    Raises:
        ImportError: timm is not installed.
        ValueError: timm doesn't know the model, or it has no map of one of the strides, or
            both ``weights`` and ``init_cfg`` are given.
    """

    def __init__(
        self,
        *,
        model_name: str,
        weights: str | None = None,
        strides: tuple[int, ...] = (4, 8, 16, 32),
        frozen: bool = False,
        norm_eval: bool = False,
        model_kwargs: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if weights is not None and init_cfg is not None:
            raise ValueError('give either weights or init_cfg, not both')
        self.model_name = model_name
        self.weights = weights
        self.frozen = frozen
        self.norm_eval = norm_eval or frozen
        self.model_kwargs = dict(model_kwargs or {})
        self.model = self._create()
        available = list(self.model.feature_info.reduction())
        missing = [stride for stride in strides if stride not in available]
        if missing:
            raise ValueError(
                f'{model_name} has feature maps of the strides {available}, not of {missing}'
            )
        self.indices = [available.index(stride) for stride in strides]
        channels = self.model.feature_info.channels()
        self.out_channels = [channels[index] for index in self.indices]
        if frozen:
            self.requires_grad_(False)

    def _create(self, **kwargs) -> nn.Module:
        try:
            import timm
        except ImportError as error:
            raise ImportError('TimmFeatures needs timm: pip install timm') from error
        if not timm.is_model(self.model_name.split('.')[0]):
            near = difflib.get_close_matches(self.model_name, timm.list_models())
            raise ValueError(f'timm has no model {self.model_name!r}; similar ones: {near}')
        return timm.create_model(self.model_name, features_only=True, **self.model_kwargs, **kwargs)

    def init_weights(self) -> None:
        """Load ``weights``, if any; timm has initialised the model otherwise.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It can't be read, or lacks parameters of this model.
        """
        if self.init_cfg is not None:
            super().init_weights()
            return
        self.is_init = True
        if self.weights is not None:
            require_weights_file(self.weights, f'timm model {self.model_name}')
            self.model.load_state_dict(self._read())

    def _read(self) -> dict[str, Tensor]:
        """The feature maps' part of a file of the whole model, as timm takes it out."""
        if self.weights.endswith('.safetensors'):
            source = {'file': self.weights}
        else:
            source = {'state_dict': read_state_dict(self.weights)}
        with torch.random.fork_rng(devices=[]):
            # timm passes over what the file lacks: there two models have other random values
            first, second = (
                self._create(pretrained=True, pretrained_cfg_overlay=source).state_dict()
                for _ in range(2)
            )
        missing = [key for key in first if not torch.equal(first[key], second[key])]
        if missing:
            raise ValueError(
                f'{self.weights} has no {missing[0]} of timm model {self.model_name}, and '
                f'{len(missing) - 1} other entries are missing: expected a file of its weights'
            )
        return first

    def train(self, mode: bool = True) -> 'TimmFeatures':
        """Switch to training, but for the batch norms that stay as they are."""
        super().train(mode)
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the feature maps.

        Args:
            images: (N, 3, H, W).

        Returns:
            Per stride s (N, C, H / s, W / s).
        """
        features = self.model(images)
        if getattr(self.model, 'output_fmt', 'NCHW') == 'NHWC':
            features = [feature.permute(0, 3, 1, 2).contiguous() for feature in features]
        return tuple(features[index] for index in self.indices)
