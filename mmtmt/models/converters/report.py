"""What a converted checkpoint lacks, has too much of, or has in another shape."""

from dataclasses import dataclass, field

from torch import Tensor, nn

from .key_table import Conversion


@dataclass
class ConversionReport:
    """The keys that a user should look at.

    Args:
        converted: Number of tensors taken over.
        transformed: Target keys whose values were re-ordered.
        dropped: Source keys that are computed or not needed.
        unexpected: Source keys that no row of the table knows, or that the model lacks.
        missing: Keys of the model that the checkpoint lacks.
        reshaped: (key, shape in the checkpoint, shape in the model) where the shapes differ.
        against: What the state dict was compared with.
    """

    converted: int
    transformed: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    reshaped: list[tuple[str, tuple, tuple]] = field(default_factory=list)
    against: str = ''

    @property
    def complete(self) -> bool:
        """Whether the checkpoint and the model agree in every key and shape."""
        return not (self.unexpected or self.missing or self.reshaped)

    def __str__(self) -> str:
        lines = [
            f'{self.converted} tensors converted, {len(self.transformed)} of them re-ordered, '
            f'{len(self.dropped)} dropped; compared with {self.against}'
        ]
        lines += _section('missing', self.missing)
        lines += _section('unexpected', self.unexpected)
        lines += _section(
            'reshaped',
            [
                f'{key}: {list(ours)} in the checkpoint, {list(theirs)} in the model'
                for key, ours, theirs in self.reshaped
            ],
        )
        return '\n'.join(lines)


def _section(title: str, keys: list[str], limit: int = 20) -> list[str]:
    lines = [f'{title}: {len(keys) or "none"}'] + [f'  {key}' for key in keys[:limit]]
    return lines + ([f'  ... and {len(keys) - limit} more'] if len(keys) > limit else [])


def compare_with(
    conversion: Conversion, model_state: dict[str, Tensor], against: str
) -> ConversionReport:
    """Compare converted tensors with a model's.

    Args:
        conversion: The converted tensors.
        model_state: The model's own state dict; only its keys and shapes are read.
        against: Name of the model, for the report.

    Returns:
        The report.
    """
    state = conversion.state
    unexpected = conversion.unexpected + [
        conversion.sources.get(key, key) for key in state if key not in model_state
    ]
    return ConversionReport(
        converted=len(conversion.sources),
        transformed=conversion.transformed,
        dropped=conversion.dropped,
        unexpected=unexpected,
        missing=[key for key in model_state if key not in state],
        reshaped=[
            (key, tuple(value.shape), tuple(model_state[key].shape))
            for key, value in state.items()
            if key in model_state and value.shape != model_state[key].shape
        ],
        against=against,
    )


def model_state_of(configs: dict[str, dict]) -> dict[str, Tensor]:
    """State dict, with random values, of a model put together from components.

    Args:
        configs: Component name to config, as :func:`infer_architecture` gives them; the name ''
            stands for a backbone alone.

    Returns:
        The model's state dict.
    """
    from mmtmt.registry import MODELS

    state = {}
    for name, config in configs.items():
        module: nn.Module = MODELS.build(config)  # Swin can't be built without memory
        prefix = f'{name}.' if name else ''
        state.update({prefix + key: value for key, value in module.state_dict().items()})
    return state
