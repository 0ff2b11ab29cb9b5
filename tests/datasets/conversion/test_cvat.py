"""CVAT files for video as the tool exports them, mistakes in them, and attacks."""

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as mask_api

from mmtmt.datasets.conversion import ConversionError, CVATReader
from mmtmt.datasets.conversion.cvat_xml import read_cvat_xml
from tests.little_memory import in_little_memory

HEIGHT, WIDTH = 40, 60

TASK = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>7</id><name>my task</name><size>{size}</size><mode>interpolation</mode>
      <start_frame>{start}</start_frame><stop_frame>{stop}</stop_frame>
      <frame_filter>{filter}</frame_filter>
      <labels><label><name>car</name><attributes></attributes></label></labels>
      <original_size><width>60</width><height>40</height></original_size>
      <source>clip.mp4</source>
    </task>
    <dumped>2024-01-01</dumped>
  </meta>
{tracks}
</annotations>
"""

BOX = '<box frame="{}" keyframe="1" outside="{}" occluded="0" xtl="10" ytl="5" xbr="30" ybr="20"/>'
TRACKS = f"""  <track id="0" label="car" source="manual">
    {BOX.format(0, 0)}
    {BOX.format(1, 0)}
    {BOX.format(2, 1)}
  </track>
  <track id="1" label="person">
    <polygon frame="1" keyframe="1" outside="0" points="2.0,2.0;12.0,2.0;12.0,12.0;2.0,12.0">
      <attribute name="colour">red</attribute>
    </polygon>
    <mask frame="2" keyframe="1" outside="0" rle="2, 2, 1, 1" left="50" top="30" width="3"
      height="2"/>
    <ellipse frame="3" keyframe="1" outside="0" cx="30" cy="20" rx="10" ry="5"/>
  </track>"""


@pytest.fixture
def clip(tmp_path):
    frames(tmp_path, 4)

    def write(tracks=TRACKS, name='annotations.xml', size=4, start=0, stop=3, filter=''):
        text = TASK.format(tracks=tracks, size=size, start=start, stop=stop, filter=filter)
        (tmp_path / name).write_text(text)
        return tmp_path

    return write


def frames(root, count, size=(WIDTH, HEIGHT)):
    (root / 'frames/clip').mkdir(parents=True, exist_ok=True)
    for t in range(count):
        Image.new('RGB', size).save(root / f'frames/clip/{t:05d}.jpg')


def read(root, name='annotations.xml', **more):
    (video,) = CVATReader(source=root / name, frames=root / 'frames', **more).videos()
    return video


def test_tracks_of_all_shapes(clip):
    video = read(clip())
    assert (video.name, video.height, video.width) == ('clip', HEIGHT, WIDTH)
    assert video.file_names == [f'clip/{t:05d}.jpg' for t in range(4)]
    car, person = video.tracks
    assert (car.category, person.category) == ('car', 'person')
    assert [rle is not None for rle in car.tube] == [True, True, False, False]
    box = mask_api.decode(car.tube[0])
    assert box.sum() == 15 * 20 and box[5:20, 10:30].all()
    polygon, mask, ellipse = (mask_api.decode(rle) for rle in person.tube[1:])
    assert person.tube[0] is None and polygon.sum() == 100
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[30:32, 50:53] = [[0, 0, 1], [1, 0, 1]]
    assert (mask == expected).all()
    assert abs(int(ellipse.sum()) - np.pi * 50) < 12


def test_frames_of_a_task_with_steps(clip):
    tracks = f'<track id="0" label="car">{BOX.format(4, 0)}</track>'
    root = clip(tracks, size=2, start=2, stop=4, filter='step=2')
    with pytest.raises(ConversionError, match='these 2 frames or with all of the video, got 4'):
        read(root)
    frames(root, 6)
    video = read(root)
    assert video.file_names == ['clip/00002.jpg', 'clip/00004.jpg']
    assert [rle is not None for rle in video.tracks[0].tube] == [False, True]
    for t in range(2, 6):
        (root / f'frames/clip/{t:05d}.jpg').unlink()
    video = read(root)
    assert video.file_names == ['clip/00000.jpg', 'clip/00001.jpg']
    assert [rle is not None for rle in video.tracks[0].tube] == [False, True]


def test_files_find_their_videos(clip):
    root = clip(name='clip.xml')
    clip(name='other.xml')
    with pytest.raises(ConversionError, match="the video 'clip' has two files"):
        list(CVATReader(source=root, frames=root / 'frames').videos())
    (root / 'other.xml').unlink()
    assert read(root, '.').name == 'clip'
    with pytest.raises(ConversionError, match="no file for the videos .'nope'"):
        list(CVATReader(source=root, frames=root / 'frames', videos=['nope']).videos())
    (root / 'frames/clip').rename(root / 'frames/unrelated')
    with pytest.raises(ConversionError, match="'clip' or 'my task' or 'clip' in .*rename the XML"):
        read(root, 'clip.xml')


def track(content, label='car'):
    return f'<track id="0" label="{label}">\n{content}\n</track>'


MISTAKES = {
    'frame': (track(BOX.format(9, 0)), r'xml:16: <box> of track .car.: frame 9 is not one of'),
    'no frame': (track(BOX.format('', 0)), "xml:16: .*whole number 'frame', got ''"),
    'coordinate': (
        track(BOX.format(0, 0).replace('30', 'x')),
        "expected a coordinate xbr, got 'x'",
    ),
    'infinite': (track(BOX.format(0, 0).replace('30', 'inf')), 'expected a coordinate xbr'),
    'huge': (track(BOX.format(0, 0).replace('30', '1e300')), 'expected a coordinate xbr'),
    'points': (track('<points frame="0" points="1,1"/>'), 'xml:16: track .car.*got <points>'),
    'polygon': (track('<polygon frame="0" points="1,1;2,2"/>'), 'at least 3 points'),
    'polygon text': (track('<polygon frame="0" points="1;2"/>'), 'points "x,y;x,y"'),
    'no label': ('<track id="0"></track>', 'xml:15: expected a <track> with a label'),
    'runs': (
        track('<mask frame="0" rle="1,2" left="0" top="0" width="2" height="2"/>'),
        'cover 2 x 2 = 4 pixels, got 3',
    ),
    'run bomb': (
        track('<mask frame="0" rle="999999999" left="0" top="0" width="32768" height="32768"/>'),
        'at most 67108864 pixels',
    ),
    'rotated': (
        track(BOX.format(0, 0).replace('<box', '<box rotation="30.0"')),
        'rotated shapes',
    ),
    'images': ('<image id="0" name="a.jpg" width="60" height="40"/>', 'CVAT for video 1.1'),
    'open': ('<track id="0" label="car">', 'xml:16: not a readable XML file'),
}


@pytest.mark.parametrize('mistake', MISTAKES)
def test_mistakes_name_file_and_line(clip, mistake):
    tracks, message = MISTAKES[mistake]
    with pytest.raises(ConversionError, match=message) as error:
        read(clip(tracks))
    assert 'annotations.xml' in str(error.value)


def test_other_sizes_are_refused(clip):
    root = clip()
    frames(root, 4, size=(30, 20))
    with pytest.raises(ConversionError, match='drawn on frames of 40 x 60 .* folder have 20 x 30'):
        read(root)


PROJECT = """<annotations><version>1.1</version>
<meta>{meta}</meta>
<track id="0" label="car" task_id="1"></track>
<track id="1" label="car" task_id="2"></track>
</annotations>
"""


@pytest.mark.parametrize(
    ('meta', 'line'),
    [('<project><tasks><task><id>1</id></task></tasks></project>', 2), ('<task></task>', 4)],
)
def test_projects_are_refused(clip, meta, line):
    root = clip()
    (root / 'annotations.xml').write_text(PROJECT.format(meta=meta))
    with pytest.raises(ConversionError, match=f'xml:{line}: .*export each of its tasks on its own'):
        read(root)


def test_images_that_cvat_may_have_sorted_otherwise_are_refused(clip):
    tracks = f'<track id="0" label="car">{BOX.format(2, 0)}</track>'
    root = clip(tracks, 'clip.xml', size=12, stop=11)
    path = root / 'clip.xml'
    for t in range(12):
        (root / f'frames/clip/{t:05d}.jpg').unlink(missing_ok=True)
        Image.new('RGB', (WIDTH, HEIGHT)).save(root / f'frames/clip/{t}.jpg')
    text = path.read_text()
    for of_video in (('interpolation', 'annotation'), ('<source>clip.mp4</source>', '')):
        path.write_text(text.replace(*of_video))
        assert read(root, 'clip.xml').file_names[2] == 'clip/2.jpg'
    path.write_text(path.read_text().replace('interpolation', 'annotation'))
    with pytest.raises(ConversionError, match="'10.jpg' may be frame 2 .* or '2.jpg'.*pad the num"):
        read(root, 'clip.xml')
    for t in range(12):
        (root / f'frames/clip/{t}.jpg').rename(root / f'frames/clip/{t:02d}.jpg')
    assert read(root, 'clip.xml').file_names[2] == 'clip/02.jpg'


LAUGHS = (
    '<!DOCTYPE annotations [<!ENTITY a "'
    + 'x' * 9999
    + '">'
    + ''.join(f'<!ENTITY {b} "{f"&{a};" * 50}">' for a, b in zip('abcdefg', 'bcdefgh'))
    + ']>'
)


HEADS = [
    LAUGHS,
    '<!DOCTYPE annotations [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE annotations SYSTEM "http://localhost/a.dtd">',
]


@pytest.mark.parametrize('head', HEADS, ids=['laughs', 'file', 'network'])
def test_document_types_are_refused(clip, head):
    """In a process with little memory, that would otherwise fill."""
    root = clip(track(BOX.format(0, 0), label='&amp;'))
    path = root / 'annotations.xml'
    path.write_text(path.read_text().replace('?>', f'?>{head}', 1).replace('&amp;', '&h;', 1))
    with pytest.raises(ConversionError, match='xml:1: expected a file without a document type'):
        in_little_memory(read_cvat_xml, path)


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'\0' * 99,
        b'<a/>',
        b'<annotations>' * 10**5,
        b'<?xml version="1.0" encoding="utf-99"?><annotations/>',
    ],
)
def test_other_files_are_refused(clip, data):
    root = clip()
    (root / 'annotations.xml').write_bytes(data)
    with pytest.raises(ConversionError, match='annotations.xml'):
        read(root)
