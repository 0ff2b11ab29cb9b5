"""Tubes, frame sources and data samples.

Import from the modules: `tubes` and `rle` need NumPy and pycocotools alone, `frame_source` needs
torch, `samples` needs mmdet.
"""
