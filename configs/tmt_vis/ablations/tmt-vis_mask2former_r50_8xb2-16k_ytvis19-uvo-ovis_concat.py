# Table 7: the compiled taxonomy becomes N_T further queries. There is no block that could start as
# the identity.
_base_ = '../tmt-vis_mask2former_r50_8xb2-16k_ytvis19-uvo-ovis.py'

model = dict(decoder=dict(injection=dict(aggregation='concat', init=None)))
