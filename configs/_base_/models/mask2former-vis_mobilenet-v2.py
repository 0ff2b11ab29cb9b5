# Mask2Former-VIS with a MobileNetV2, for CPUs.
_base_ = './mask2former-vis_r50.py'
model = dict(
    # pixels in -1..1, as weights from TensorFlow want them
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(
        _delete_=True,
        type='MobileNetV2',
        # Path of ImageNet weights whose batch norms are folded into biases. Random ones with
        # weights=None; those train better with norm_cfg=dict(type='BN').
        weights=None),
    pixel_decoder=dict(in_channels=[24, 32, 96, 320]))
