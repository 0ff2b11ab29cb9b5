# Mask2Former-VIS with a ResNet-101.
_base_ = './mask2former-vis_r50.py'
model = dict(backbone=dict(depth=101))
