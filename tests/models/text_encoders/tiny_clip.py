"""Untrained towers of open_clip in the form in which the hub has trained ones."""

import json
from pathlib import Path

import torch

from mmtmt import registry  # noqa: F401  (repairs torchvision, which open_clip imports)

MODEL, TAG, DIM = 'tiny', 'untrained', 24
CONFIG = {
    'embed_dim': DIM,
    'vision_cfg': {'image_size': 32, 'layers': 1, 'width': 64, 'patch_size': 16},
    'text_cfg': {
        'context_length': 77, 'vocab_size': 49408, 'width': 32, 'heads': 2, 'layers': 1,
    },
}  # fmt: skip


def write_tower(folder: Path, seed: int = 0) -> Path:
    """Write a folder with the config and the weights of a small CLIP."""
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    (folder / 'open_clip_config.json').write_text(json.dumps({'model_cfg': CONFIG}))
    torch.manual_seed(seed)
    model = open_clip.create_model(f'local-dir:{folder}')
    with torch.no_grad():  # as it starts, a tower hardly tells words apart
        model.token_embedding.weight.mul_(50)
    save_file(model.state_dict(), folder / 'open_clip_model.safetensors')
    return folder
