"""Operators and blocks shared by the models."""
from .attention import (
    DecoderLayer,
    MultiheadAttention,
    SelfAttentionLayer,
    feed_forward,
    perceptron,
    xavier_init,
)
from .deformable_encoder import DeformableEncoder, FeedForward
from .linear import TokenLinear, token_linear
from .ms_deform_attn import MSDeformAttn
from .positional_encoding import sine_position_2d, sine_position_3d

__all__ = [
    'DecoderLayer', 'DeformableEncoder', 'FeedForward', 'MSDeformAttn', 'MultiheadAttention',
    'SelfAttentionLayer', 'TokenLinear', 'feed_forward', 'perceptron', 'sine_position_2d',
    'sine_position_3d', 'token_linear', 'xavier_init'
]
