# GenVIS at the size of the demonstration: tmt-vis_genvis_demo_synth.py without taxonomy modules.
_base_ = '../tmt_vis/tmt-vis_genvis_demo_synth.py'

load_from = 'work_dirs/vita_demo_synth/iter_3000.pth'
model = dict(
    text_bank=None,
    decoder=dict(
        _delete_=True, type='FrameMaskDecoder', num_queries=20, embed_dims=128, num_layers=3,
        feedforward_dims=256),
    criterion=dict(taxonomy_loss='off'))
# there is no taxonomy whose recall could be told
val_evaluator = [dict(type='VideoInstanceMetric', ann_files=_base_.valid_files)]
test_evaluator = val_evaluator
