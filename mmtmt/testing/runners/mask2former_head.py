"""Runner of the pixel decoder and video decoder of Mask2Former-VIS."""

from mmtmt.models.outputs import mask_logits

from ..fixture import Difference, Fixture
from ..golden import register
from .common import build_component, converted_weights, evaluating


@register('m2f_video_head')
def run_head(fixture: Fixture) -> list[Difference]:
    """Backbone features of one video to the predictions of all stages."""
    heads = fixture.config.get('nheads', 8)
    state = converted_weights(fixture)
    pixel_decoder = build_component('pixel_decoder', state, num_heads=heads)
    decoder = build_component('decoder', state, num_heads=heads)
    features = [fixture.input(f'input_res{level}') for level in range(2, 6)]
    with evaluating(pixel_decoder, decoder):
        mask_features, multi_scale, _ = pixel_decoder(features)
        outputs = decoder([level[None] for level in multi_scale], mask_features[None])
    differences = [fixture.compare('mask_features', mask_features)]
    differences += [
        fixture.compare(f'multi_scale_{level}', value) for level, value in enumerate(multi_scale)
    ]
    stages = [name for name in fixture.info['arrays'] if name.startswith('pred_logits_')]
    if len(stages) != len(outputs.predictions):
        raise ValueError(f'expected {len(stages)} stages, got {len(outputs.predictions)}')
    for index, stage in enumerate(outputs.predictions):
        masks = mask_logits(stage.mask_embeds, outputs.mask_features)  # (1, T, Q, h, w)
        differences.append(fixture.compare(f'pred_logits_{index}', stage.class_logits))
        differences.append(fixture.compare(f'pred_masks_{index}', masks.transpose(1, 2)))
    return differences
