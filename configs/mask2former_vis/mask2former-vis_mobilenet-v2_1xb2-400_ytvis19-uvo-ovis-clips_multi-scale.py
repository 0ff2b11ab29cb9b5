# The second stretch without the taxonomy, to compare.
_base_ = [
    '../tmt_vis/tmt-vis_mask2former_mobilenet-v2_1xb2-400_ytvis19-uvo-ovis-clips_multi-scale.py'
]

load_from = (
    'work_dirs/mask2former-vis_mobilenet-v2_1xb2-1800_ytvis19-uvo-ovis-clips/iter_1800.pth')

model = dict(
    text_bank=None,
    decoder=dict(
        _delete_=True, type='VideoMaskDecoder', num_queries=25, embed_dims=128, num_layers=6,
        feedforward_dims=512),
    criterion=dict(taxonomy_loss='off'))
