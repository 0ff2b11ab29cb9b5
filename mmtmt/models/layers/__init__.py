"""Operators that the models share; none needs compiled code of ours."""
from .ms_deform_attn import MSDeformAttn, deformable_attention

__all__ = ['MSDeformAttn', 'deformable_attention']
