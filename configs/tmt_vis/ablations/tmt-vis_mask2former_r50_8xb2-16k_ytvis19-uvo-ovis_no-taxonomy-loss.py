# Table 4, second row, three sets: the taxonomy modules without the taxonomy-aware
# matching loss. Their scores stay supervised; compilation.score_supervision='none' ends that too.
_base_ = '../tmt-vis_mask2former_r50_8xb2-16k_ytvis19-uvo-ovis.py'

model = dict(criterion=dict(taxonomy_loss='off'))
