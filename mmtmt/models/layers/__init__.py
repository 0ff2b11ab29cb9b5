"""Operators and blocks shared by the models."""
from .attention import MultiheadAttention, feed_forward, xavier_init
from .ms_deform_attn import MSDeformAttn
from .positional_encoding import sine_position_2d, sine_position_3d

__all__ = [
    'MSDeformAttn', 'MultiheadAttention', 'feed_forward', 'sine_position_2d', 'sine_position_3d',
    'xavier_init'
]
