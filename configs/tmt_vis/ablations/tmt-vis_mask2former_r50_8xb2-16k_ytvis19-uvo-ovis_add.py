# Table 7: the projected mean of the compiled taxonomy is added to every query.
_base_ = '../tmt-vis_mask2former_r50_8xb2-16k_ytvis19-uvo-ovis.py'

model = dict(decoder=dict(injection=dict(aggregation='add')))
