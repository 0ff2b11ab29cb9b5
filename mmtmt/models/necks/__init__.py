from .msdeform_pixel_decoder import MSDeformAttnPixelDecoder, PixelFeatures

__all__ = ["MSDeformAttnPixelDecoder", "PixelFeatures"]
