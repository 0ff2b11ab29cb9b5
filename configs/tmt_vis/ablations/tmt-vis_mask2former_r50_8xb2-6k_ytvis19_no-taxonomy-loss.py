# Table 4, second row, YouTube-VIS 2019: the taxonomy modules without the taxonomy-aware
# matching loss. Their scores stay supervised; compilation.score_supervision='none' ends that too.
_base_ = '../tmt-vis_mask2former_r50_8xb2-6k_ytvis19.py'

model = dict(criterion=dict(taxonomy_loss='off'))
