# IDOL at the size of the demonstration: tmt-vis_idol_demo_synth.py without taxonomy modules. Of the
# weights that `make demo` trains it takes the backbone.
_base_ = '../tmt_vis/tmt-vis_idol_demo_synth.py'

load_from = None
model = dict(
    text_bank=None,
    backbone=dict(init_cfg=dict(
        type='Pretrained', checkpoint='work_dirs/demo/iter_650.pth', prefix='backbone.')),
    decoder=dict(
        _delete_=True, type='DeformableDecoder', embed_dims=128, num_layers=3,
        feedforward_dims=256, dropout=0.0),
    criterion=dict(taxonomy_loss='off'))
# there is no taxonomy whose recall could be told
val_evaluator = [dict(type='VideoInstanceMetric', ann_files=_base_.valid_files)]
test_evaluator = val_evaluator
