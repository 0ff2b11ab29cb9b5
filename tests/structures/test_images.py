"""Sizes from headers, and files that claim sizes that would fill the memory."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from mmtmt.structures.images import FrameError, read_image, read_size
from tests.little_memory import in_little_memory


def encoded(suffix, height=24, width=40, **options):
    data = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(data, Image.registered_extensions()[suffix], **options)
    return data.getvalue()


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.webp', '.bmp'])
@pytest.mark.parametrize('orientation', [1, 3, 6])
def test_header_tells_the_size_of_the_decoded_image(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f'image{suffix}'
    path.write_bytes(encoded(suffix, **({} if suffix == '.bmp' else {'exif': exif})))
    turned = orientation == 6 and suffix != '.bmp'
    assert read_size(path) == read_image(path).shape[:2] == ((40, 24) if turned else (24, 40))


@pytest.mark.parametrize(
    'options', [{'progressive': True}, {'quality': 5}, {'comment': b'x' * 999}]
)
def test_any_jpeg_header(tmp_path, options):
    path = tmp_path / 'image.jpg'
    path.write_bytes(encoded('.jpg', **options))
    assert read_size(path) == (24, 40)


@pytest.mark.parametrize('orientation', [1, 6])
@pytest.mark.parametrize('mode', ['RGB', 'L', 'CMYK'])
def test_jpeg_is_what_opencv_decodes_with_channels_turned(tmp_path, mode, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.open(io.BytesIO(encoded('.png', 33, 51))).convert(mode)
    path = tmp_path / 'image.jpg'
    image.save(path, quality=80, exif=exif)
    turned = cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(read_image(path), turned)


def claim(data, place, size, order):
    """The file with another size in its header."""
    data = bytearray(data)
    data[place : place + size] = (32000).to_bytes(size, order)
    return bytes(data)


def bombs():
    png, jpeg, bmp = (encoded(suffix) for suffix in ('.png', '.jpg', '.bmp'))
    start = jpeg.index(b'\xff\xc0') + 5
    yield '.png', claim(claim(png, 16, 4, 'big'), 20, 4, 'big')
    yield '.jpg', claim(claim(jpeg, start, 2, 'big'), start + 2, 2, 'big')
    yield '.bmp', claim(claim(bmp, 18, 4, 'little'), 22, 4, 'little')


@pytest.mark.parametrize(('suffix', 'data'), bombs(), ids=['png', 'jpg', 'bmp'])
def test_claims_of_a_billion_pixels_are_refused(tmp_path, suffix, data):
    path = tmp_path / f'bomb{suffix}'
    path.write_bytes(data)
    for read in (read_image, read_size):
        with pytest.raises(FrameError, match=r'bomb.* at most 67108864 pixels, got'):
            in_little_memory(read, path)


def test_every_cut_of_a_file_is_an_error_or_an_image(tmp_path):
    path = tmp_path / 'image'
    for suffix in ('.jpg', '.png', '.webp', '.bmp'):
        data = encoded(suffix)
        for kept in range(0, len(data), 23):
            path.write_bytes(data[:kept])
            try:
                assert read_image(path).shape == (24, 40, 3)
            except FrameError as error:
                assert str(path) in str(error)
