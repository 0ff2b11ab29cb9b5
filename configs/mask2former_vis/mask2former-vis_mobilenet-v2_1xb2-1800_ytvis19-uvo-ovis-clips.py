# The same small model without the taxonomy, to compare: everything but the decoder's wrapper and
# the taxonomy losses is that of the TMT-VIS config.
_base_ = [
    '../tmt_vis/tmt-vis_mask2former_mobilenet-v2_1xb2-1800_ytvis19-uvo-ovis-clips.py'
]

model = dict(
    text_bank=None,
    decoder=dict(
        _delete_=True, type='VideoMaskDecoder', num_queries=25, embed_dims=128, num_layers=6,
        feedforward_dims=512),
    criterion=dict(taxonomy_loss='off'))
