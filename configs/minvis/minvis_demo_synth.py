# MinVIS at the size of the demonstration: tmt-vis_minvis_demo_synth.py without taxonomy modules.
# Of the weights that `make demo` trains it takes the backbone and the pixel decoder.
_base_ = '../tmt_vis/tmt-vis_minvis_demo_synth.py'

allow_unexpected = ['auxiliary_head.', 'decoder.']

model = dict(
    text_bank=None,
    decoder=dict(
        _delete_=True, type='FrameMaskDecoder', num_queries=20, embed_dims=128, num_layers=3,
        feedforward_dims=256),
    criterion=dict(taxonomy_loss='off'))
optim_wrapper = dict(paramwise_cfg=dict(_delete_=True, custom_keys={
    # the longer key wins where both are in a name
    'decoder.': dict(lr_mult=0.5), 'pixel_decoder.': dict(lr_mult=1.0)}))
# there is no taxonomy whose recall could be told
val_evaluator = [dict(type='VideoInstanceMetric', ann_files=_base_.valid_files)]
test_evaluator = val_evaluator
