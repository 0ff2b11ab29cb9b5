# What every training and test shares: logging, checkpoints, processes.
default_scope = 'mmtmt'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # written under a temporary name first, so that a kill leaves the previous one loadable
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1000, max_keep_ckpts=2))
# stops at the first loss that is not finite and names the batch
custom_hooks = [dict(type='NaNGuardHook')]

log_processor = dict(type='LogProcessor', window_size=50, by_epoch=False)
log_level = 'INFO'
# Curves: add dict(type='TensorboardVisBackend') (pip install tensorboard) or
# dict(type='WandbVisBackend', init_kwargs=dict(project='mmtmt')) (pip install wandb).
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='Visualizer', vis_backends=vis_backends)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # seconds that a process waits for the others, as at the end of a test whose videos differ in
    # length; NCCL's 600 are short
    dist_cfg=dict(backend='nccl', timeout=3600))

resume = False
