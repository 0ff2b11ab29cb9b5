# Table 5: sampling ratio of YouTube-VIS, UVO and OVIS; the recipe has 1 : 1 : 0.75.
_base_ = '../tmt-vis_mask2former_r50_8xb2-16k_ytvis19-uvo-ovis.py'

train_dataloader = dict(sampler=dict(ratios=[2, 1, 0.75]))
