"""The command that converts annotations, run as a user runs it."""

import base64
import io
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as mask_api

from mmtmt.datasets.synthetic import SyntheticOptions, annotation_file, generate
from tests.datasets.conversion.generated_set import content, make_set

TOOL = Path(__file__).parents[2] / 'tools' / 'dataset_converters' / 'convert.py'


@pytest.fixture
def convert(monkeypatch, capsys):
    def run(*args):
        monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, args)])
        runpy.run_path(str(TOOL), run_name='__main__')
        return capsys.readouterr()

    return run


def test_there_and_back(tmp_path, convert):
    source = make_set(tmp_path, first=1)
    (tmp_path / 'list.txt').write_text('a_clip\n\nb_clip \n')
    out, frames = tmp_path / 'mots', tmp_path / 'frames'
    done = convert(
        'ytvis', source, '--to', 'mots-txt', '--out', out, '--videos', tmp_path / 'list.txt'
    )
    assert '2 videos' in done.out and str(out) in done.out and '2/2' in done.err
    back = tmp_path / 'back.json'
    convert('mots-txt', out, '--frames', frames, '--out', back, '--vocabulary', source)
    expected = content(source)
    del expected['empty']
    assert content(back) == expected


def test_mistakes_end_in_a_line(tmp_path, convert):
    source = make_set(tmp_path)
    with pytest.raises(SystemExit, match="error: .*no videos .'nope'"):
        convert('ytvis', source, '--videos', 'nope', '--out', tmp_path / 'out.json')
    with pytest.raises(SystemExit, match='error: .*source.json: exists; --overwrite'):
        convert('ytvis', source, '--out', source)
    with pytest.raises(SystemExit, match='error: .*: is a folder, expected the name of a file'):
        convert('ytvis', source, '--out', tmp_path, '--overwrite')
    with pytest.raises(SystemExit, match='error: .*source.json is an input, which would be lost'):
        convert('ytvis', source, '--out', source, '--overwrite')
    assert source.is_file()
    with pytest.raises(SystemExit, match='error: .*expected a folder'):
        convert('davis', tmp_path / 'no', '--frames', tmp_path, '--out', tmp_path / 'out.json')
    with pytest.raises(SystemExit):
        convert('ytvis', source, '--overlap', 'first', '--out', tmp_path / 'out.json')
    assert not list(tmp_path.glob('*out*'))


@pytest.mark.parametrize('form', ['davis', 'mots-png', 'mots-txt'])
def test_a_folder_with_other_files_is_not_replaced(tmp_path, convert, form):
    source = make_set(tmp_path)
    with pytest.raises(SystemExit, match='error: .*which is no such output and would be lost'):
        convert('ytvis', source, '--to', form, '--out', tmp_path, '--overwrite')
    assert source.is_file()
    for _ in range(2):
        convert('ytvis', source, '--to', form, '--out', tmp_path / 'out', '--overwrite')
    (tmp_path / 'out/notes.md').write_text('mine')
    with pytest.raises(SystemExit, match='holds notes.md, which is no such output'):
        convert('ytvis', source, '--to', form, '--out', tmp_path / 'out', '--overwrite')


def test_a_compressed_file_is_read_again(tmp_path, convert):
    source = make_set(tmp_path)
    convert('ytvis', source, '--out', tmp_path / 'small.json.gz')
    convert('ytvis', tmp_path / 'small.json.gz', '--out', tmp_path / 'again.json')
    assert content(tmp_path / 'again.json') == content(source)


@pytest.fixture(scope='module')
def generated(tmp_path_factory):
    """A set of moving objects that hide each other: its file, and the folder of its frames."""
    root = tmp_path_factory.mktemp('generated')
    options = SyntheticOptions(
        train=3, valid=1, length=4, height=64, width=96, seed=3, sets=('synth_ovis',)
    )
    generate(root, options, workers=1)
    return annotation_file(root, 'synth_ovis', 'train'), root / 'synth_ovis/JPEGImages'


@pytest.mark.parametrize('to', ['ytvis', 'coco-video', 'davis', 'mots-png', 'mots-txt'])
def test_generated_clips_there_and_back(tmp_path, convert, generated, to):
    source, frames = generated
    there, back = tmp_path / 'there', tmp_path / 'back.json'
    convert('ytvis', source, '--to', to, '--out', there)
    folders = ('--frames', frames) if to not in ('ytvis', 'coco-video') else ()
    convert(to, there, *folders, '--out', back, '--vocabulary', 'synth_ovis')
    assert content(back) == content(source)
    assert any(track[2].count(None) < 4 for video in content(back).values() for track in video[2])


def objects_of(source):
    """Per video its name, frames, and (category, masks) of its objects."""
    data = json.loads(source.read_text())
    names = {category['id']: category['name'] for category in data['categories']}
    for video in data['videos']:
        tracks = [
            (names[a['category_id']], a['segmentations'])
            for a in data['annotations']
            if a['video_id'] == video['id']
        ]
        yield video['file_names'][0].split('/')[0], video, tracks


def boxed(rle):
    """The smallest box around a mask as left, top, right and bottom, and what is in it."""
    mask = mask_api.decode(rle).astype(bool)
    (rows, columns) = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    left, top, right, bottom = columns[0], rows[0], columns[-1], rows[-1]
    box = [int(edge) for edge in (left, top, right, bottom)]
    return box, mask[top : bottom + 1, left : right + 1]


def as_labelme(source, out):
    """Write what the annotation tool would have: a file per frame, a mask per object."""
    for name, video, tracks in objects_of(source):
        (out / name).mkdir(parents=True)
        for t, file_name in enumerate(video['file_names']):
            shapes = []
            for number, (category, masks) in enumerate(tracks):
                if masks[t] is not None:
                    (left, top, right, bottom), patch = boxed(masks[t])
                    png = io.BytesIO()
                    Image.fromarray(patch).save(png, 'PNG')
                    shapes.append({
                        'label': category, 'group_id': number, 'shape_type': 'mask',
                        'points': [[left, top], [right, bottom]],
                        'mask': base64.b64encode(png.getvalue()).decode(),
                    })  # fmt: skip
            size = {'imageHeight': video['height'], 'imageWidth': video['width']}
            path = out / name / f'{Path(file_name).stem}.json'
            path.write_text(json.dumps({'shapes': shapes, **size}))


def as_cvat(source, out):
    """Write what the annotation tool would have: a file per video, a track per object."""
    out.mkdir()
    for name, _, tracks in objects_of(source):
        lines = ['<annotations>']
        for number, (category, masks) in enumerate(tracks):
            lines.append(f'<track id="{number}" label="{category}">')
            for t, rle in enumerate(masks):
                if rle is not None:
                    (left, top, right, bottom), patch = boxed(rle)
                    changes = np.flatnonzero(np.diff(patch.ravel())) + 1
                    runs = np.diff([0, *changes, patch.size]).tolist()
                    text = ', '.join(map(str, ([0] if patch[0, 0] else []) + runs))
                    lines.append(
                        f'<mask frame="{t}" outside="0" rle="{text}" left="{left}" top="{top}" '
                        f'width="{right - left + 1}" height="{bottom - top + 1}"/>'
                    )
            lines.append('</track>')
        (out / f'{name}.xml').write_text('\n'.join([*lines, '</annotations>']))


@pytest.mark.parametrize(('source_format', 'export'), [('labelme', as_labelme), ('cvat', as_cvat)])
def test_generated_clips_out_of_annotation_tools(
    tmp_path, convert, generated, source_format, export
):
    source, frames = generated
    export(source, tmp_path / 'export')
    back = tmp_path / 'back.json'
    convert(
        source_format, tmp_path / 'export', '--frames', frames, '--out', back,
        '--vocabulary', 'synth_ovis',
    )  # fmt: skip
    assert content(back) == content(source)


def test_more_classes_than_mots_numbers_are_refused(tmp_path, convert):
    source = make_set(tmp_path)
    data = json.loads(source.read_text())
    annotation = data['annotations'][0]
    data['categories'] = [{'id': i, 'name': f'c{i}'} for i in range(1, 13)]
    data['annotations'] = [
        {**annotation, 'id': i, 'category_id': i, 'iscrowd': 0} for i in range(1, 11)
    ]
    source.write_text(json.dumps(data))
    with pytest.raises(SystemExit, match="'c10' is class 10; this format numbers at most 9"):
        convert('ytvis', source, '--to', 'mots-png', '--out', tmp_path / 'out')
    data['annotations'] = data['annotations'][3:4]
    source.write_text(json.dumps(data))
    convert('ytvis', source, '--to', 'mots-png', '--out', tmp_path / 'out')
    assert (tmp_path / 'out/labels.txt').read_text() == 'c4\n'
    frames = ('--frames', tmp_path / 'frames')
    with pytest.raises(SystemExit, match='expected 1 to 9 classes, got 12'):
        (tmp_path / 'out/labels.txt').write_text('\n'.join(f'c{i}' for i in range(12)))
        convert('mots-png', tmp_path / 'out', *frames, '--out', tmp_path / 'back.json')
