# Table 6: number of selected taxonomy embeddings N_T; the recipe has 10.
_base_ = '../tmt-vis_mask2former_r50_8xb2-16k_ytvis19-uvo-ovis.py'

model = dict(decoder=dict(compilation=dict(num_selected=1)))
