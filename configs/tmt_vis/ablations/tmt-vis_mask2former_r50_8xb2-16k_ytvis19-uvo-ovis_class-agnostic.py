# All categories as one: what joint training gives without any taxonomy to tell them apart. Objects
# are found, segmented and followed, not named.
_base_ = '../tmt-vis_mask2former_r50_8xb2-16k_ytvis19-uvo-ovis.py'

model = dict(taxonomy=dict(aliases='class_agnostic'))

# of the sets whose ground truth is published
val_evaluator = dict(class_agnostic=['uvo'])
test_evaluator = val_evaluator
