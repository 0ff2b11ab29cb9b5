# The longer recipe without the taxonomy, to compare.
_base_ = [
    '../tmt_vis/tmt-vis_mask2former_mobilenet-v2_1xb2-2250_ytvis19-uvo-ovis-clips_crops.py'
]

model = dict(
    text_bank=None,
    decoder=dict(
        _delete_=True, type='VideoMaskDecoder', num_queries=25, embed_dims=128, num_layers=6,
        feedforward_dims=512),
    criterion=dict(taxonomy_loss='off'))
