# Mask2Former-VIS with a ResNet-18, for experiments on small machines.
_base_ = './mask2former-vis_r50.py'
model = dict(
    backbone=dict(depth=18), pixel_decoder=dict(in_channels=[64, 128, 256, 512]))
