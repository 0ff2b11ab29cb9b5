"""From the json form into others and back: nothing is lost."""

import json
import runpy

import mmdet
import numpy as np
import pytest
from PIL import Image

from mmtmt.datasets import VideoInstanceDataset
from mmtmt.datasets.conversion import (
    ANNOTATION_READERS,
    ANNOTATION_WRITERS,
    ConversionError,
    convert,
)
from mmtmt.taxonomy import load_vocabulary
from tests.datasets.conversion.generated_set import content, make_set
from tests.datasets.tiny_set import box_mask, to_rle


def run(source_format, to, source, out, *, reader=None, **writer):
    reading = ANNOTATION_READERS.get(source_format)(source=source, **(reader or {}))
    writing = ANNOTATION_WRITERS.get(to)(
        out=out, annotated=reading.annotated, **{'vocabulary': reading.vocabulary, **writer}
    )
    return convert(reading, writing)


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('to', ['ytvis', 'coco-video', 'davis', 'mots-png', 'mots-txt'])
def test_there_and_back(tmp_path, to, seed):
    source = make_set(tmp_path, seed, suffix='.jpg' if seed % 2 else '.png', first=seed % 3)
    there, back = tmp_path / 'there', tmp_path / 'back.json'
    run('ytvis', to, source, there)
    needs_frames = to not in ('ytvis', 'coco-video')
    frames = {'frames': tmp_path / 'frames'} if needs_frames else {}
    summary = run(to, 'ytvis', there, back, reader=frames)
    expected = content(source)
    assert content(back) == expected
    assert summary.videos == 3
    assert sum(summary.tracks.values()) == sum(len(video[2]) for video in expected.values())
    dataset = VideoInstanceDataset(ann_file=str(back))
    assert len(dataset) == 3 and set(dataset.vocabulary.names) <= {'red panda', 'zebra'}


def test_a_video_that_was_read_is_let_go(tmp_path):
    reader = ANNOTATION_READERS.get('ytvis')(source=make_set(tmp_path))
    once, again = ([[track.tube for track in video.tracks] for video in reader.videos()]
                   for _ in range(2))
    assert once == again and any(once)
    tubes = [one['tube'] for video in reader._videos.values() for one in video['instances']]
    assert all(tube.blob is None for tube in tubes)


def test_ids_are_kept(tmp_path):
    source = make_set(tmp_path)
    run('ytvis', 'coco-video', source, tmp_path / 'there.json')
    run('coco-video', 'ytvis', tmp_path / 'there.json', tmp_path / 'back.json')
    before, after = (json.loads((tmp_path / n).read_text()) for n in ('source.json', 'back.json'))
    assert {v['id'] for v in after['videos']} == {v['id'] for v in before['videos']}
    assert {c['id']: c['name'] for c in after['categories']} == {4: 'red panda', 2: 'zebra'}
    assert {a['category_id'] for a in after['annotations']} == {
        a['category_id'] for a in before['annotations']
    }


def test_coco_video_is_what_mmdets_script_writes(tmp_path):
    """The same content, entry by entry, as the script that comes with mmdet."""
    script = f'{mmdet.__path__[0]}/.mim/tools/dataset_converters/youtubevis2coco.py'
    make_set(tmp_path)
    complete = tmp_path / 'train.json'  # the script needs boxes and areas
    run('ytvis', 'ytvis', tmp_path / 'source.json', complete)
    run('ytvis', 'coco-video', complete, tmp_path / 'ours.json')
    tool = runpy.run_path(script)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tool['convert_vis'].__globals__, 'print', lambda *args: None)
        try:
            tool['convert_vis'](str(tmp_path), str(tmp_path), '2019', 'train')
        except KeyError:
            pass  # after writing, it expects categories 1..N in its report
    theirs = json.loads((tmp_path / 'youtube_vis_2019_train.json').read_text())
    ours = json.loads((tmp_path / 'ours.json').read_text())
    assert ours['images'] == theirs['images']
    assert ours['videos'] == theirs['videos']

    def by_object(annotations):
        # Annotations and instances are numbered by object in ours, by image in theirs.
        return sorted(
            [{k: v for k, v in a.items() if k not in ('id', 'instance_id')} for a in annotations],
            key=str,
        )

    keys = {key for annotation in theirs['annotations'] for key in annotation}
    assert all(set(annotation) == keys for annotation in ours['annotations'])
    assert by_object([dict(sorted(a.items())) for a in ours['annotations']]) == by_object(
        [dict(sorted(a.items())) for a in theirs['annotations']]
    )
    assert min(a['instance_id'] for a in ours['annotations']) == 1


def test_hidden_annotations_stay_hidden(tmp_path):
    data = json.loads(make_set(tmp_path).read_text())
    del data['annotations']
    (tmp_path / 'valid.json').write_text(json.dumps(data))
    run('ytvis', 'coco-video', tmp_path / 'valid.json', tmp_path / 'there.json')
    run('coco-video', 'ytvis', tmp_path / 'there.json', tmp_path / 'back.json')
    for name in ('there', 'back'):
        assert 'annotations' not in json.loads((tmp_path / f'{name}.json').read_text())
    with pytest.raises(ConversionError, match='no annotations to write'):
        run('ytvis', 'davis', tmp_path / 'valid.json', tmp_path / 'there')


def overlapping(tmp_path, **more):
    """Two rectangles that share 3 x 2 pixels in the second of two frames, and a crowd."""
    make_set(tmp_path)
    a, b = box_mask(2, 2, 8, 6, 12, 14), box_mask(5, 4, 12, 12, 12, 14)
    crowd = box_mask(0, 0, 4, 14, 12, 14)
    data = {
        'videos': [{'id': 1, 'height': 12, 'width': 14, 'file_names': ['v/0.png', 'v/1.png']}],
        'categories': [{'id': 1, 'name': 'cat'}],
        'annotations': [
            {'id': 1, 'video_id': 1, 'category_id': 1, 'segmentations': [to_rle(a), to_rle(a)]},
            {'id': 2, 'video_id': 1, 'category_id': 1, 'segmentations': [None, to_rle(b)]},
            {
                'id': 3,
                'video_id': 1,
                'category_id': 1,
                'iscrowd': 1,
                'segmentations': [None, to_rle(crowd)],
            },
        ],
    }
    path = tmp_path / 'overlap.json'
    path.write_text(json.dumps(data))
    return path, a, b, crowd


@pytest.mark.parametrize('to', ['davis', 'mots-png', 'mots-txt'])
def test_overlap_is_refused_or_decided(tmp_path, to):
    path, a, b, crowd = overlapping(tmp_path)
    with pytest.raises(ConversionError, match=r"'v', v/1.png: objects .* overlap in 6 pixels"):
        run('ytvis', to, path, tmp_path / 'out')
    assert not [p for p in tmp_path.iterdir() if 'out' in p.name]
    summary = run('ytvis', to, path, tmp_path / 'out', overlap='first')
    assert summary.notes['masks cut where they overlap'] == 1
    if to == 'mots-txt':
        lines = (tmp_path / 'out/v.txt').read_text().splitlines()
        assert [line.split()[:5] for line in lines] == [
            ['0', '1001', '1', '12', '14'],
            ['1', '1001', '1', '12', '14'],
            ['1', '1002', '1', '12', '14'],
            ['1', '10000', '10', '12', '14'],
        ]
        return
    image = np.asarray(Image.open(tmp_path / 'out/v/1.png'))
    first, second = (1001, 1002) if to == 'mots-png' else (1, 2)
    assert ((image == first) == a).all() and ((image == second) == (b & ~a)).all()
    if to == 'mots-png':
        assert image.dtype == np.uint16
        assert ((image == 10000) == (crowd & ~a & ~b)).all()
    else:
        assert summary.notes['crowds left out'] == 1
        assert Image.open(tmp_path / 'out/v/1.png').mode == 'P'
    run('ytvis', to, path, tmp_path / 'out', overlap='last', overwrite=True)
    image = np.asarray(Image.open(tmp_path / 'out/v/1.png'))
    assert ((image == second) == b).all()


def test_ignored_regions_come_back_as_crowds_of_every_class(tmp_path):
    path, *_, crowd = overlapping(tmp_path)
    run('ytvis', 'mots-png', path, tmp_path / 'out', overlap='first')
    for t in range(2):
        (tmp_path / 'frames/v').mkdir(exist_ok=True)
        Image.new('RGB', (14, 12)).save(tmp_path / f'frames/v/{t}.png')
    run(
        'mots-png',
        'ytvis',
        tmp_path / 'out',
        tmp_path / 'back.json',
        reader={'frames': tmp_path / 'frames', 'classes': ['cat', 'dog', 'cow']},
    )
    data = json.loads((tmp_path / 'back.json').read_text())
    crowds = [a for a in data['annotations'] if a['iscrowd']]
    assert len(crowds) == 3 and len({a['category_id'] for a in crowds}) == 3
    assert len(data['annotations']) == 5


def test_vocabulary_fixes_names_and_ids(tmp_path):
    source = make_set(tmp_path)
    run('ytvis', 'davis', source, tmp_path / 'there')
    with pytest.raises(ConversionError, match="vocabulary 'ytvis19'.*got 'red panda'"):
        run(
            'davis',
            'ytvis',
            tmp_path / 'there',
            tmp_path / 'back.json',
            reader={'frames': tmp_path / 'frames'},
            vocabulary=load_vocabulary('ytvis19'),
        )
    assert not (tmp_path / 'back.json').exists()
    meta = tmp_path / 'there/meta.json'
    meta.write_text(meta.read_text().replace('red panda', 'Giant Panda'))
    run(
        'davis',
        'ytvis',
        tmp_path / 'there',
        tmp_path / 'back.json',
        reader={'frames': tmp_path / 'frames'},
        vocabulary=load_vocabulary('ytvis19'),
    )
    data = json.loads((tmp_path / 'back.json').read_text())
    assert len(data['categories']) == 40
    assert {a['category_id'] for a in data['annotations']} <= {2, 30}


def test_nothing_is_overwritten_unasked(tmp_path):
    source = make_set(tmp_path)
    for to in ('ytvis', 'davis'):
        out = tmp_path / to
        run('ytvis', to, source, out)
        with pytest.raises(FileExistsError, match='--overwrite'):
            run('ytvis', to, source, out)
        run('ytvis', to, source, out, overwrite=True)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith('.')]


def test_failure_leaves_nothing_behind(tmp_path):
    source = make_set(tmp_path)
    data = json.loads(source.read_text())
    data['annotations'][-1]['segmentations'][-1] = {
        'size': to_rle(box_mask(0, 0, 1, 1))['size'],
        'counts': 'zz',
    }
    video = next(v for v in data['videos'] if v['id'] == data['annotations'][-1]['video_id'])
    data['annotations'][-1]['segmentations'][-1]['size'] = [video['height'], video['width']]
    source.write_text(json.dumps(data))
    for to in ('ytvis', 'coco-video', 'mots-txt'):
        with pytest.raises(ValueError, match='source.json: video .*, annotation .*, frame'):
            run('ytvis', to, source, tmp_path / 'out')
        assert not [path for path in tmp_path.iterdir() if 'out' in path.name]
