"""Video instance segmentation trained on several taxonomies at once (TMT-VIS)."""

__version__ = '0.1.0'
