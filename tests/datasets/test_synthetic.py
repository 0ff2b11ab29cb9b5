"""The generated sets: their format, their determinism and their conflicting taxonomies."""

import hashlib
import json
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mmtmt.datasets.synthetic import (
    PRESETS,
    SPLITS,
    STYLES,
    SyntheticOptions,
    annotated_names,
    annotation_file,
    draw_video,
    generate,
    is_generated,
    plan_split,
)
from mmtmt.datasets.synthetic.figures import FIGURES, GENES, Build, extent
from mmtmt.datasets.synthetic.geometry import ellipse, ribbon, smooth
from mmtmt.datasets.synthetic.textures import PATTERNS, hsv
from mmtmt.datasets.synthetic.world import scaled_style
from mmtmt.datasets.synthetic.writer import MIN_VISIBLE
from mmtmt.taxonomy import load_vocabulary

OPTIONS = SyntheticOptions(train=8, valid=2, length=6, height=64, width=96, seed=5)


def hashes(folder):
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def read(folder, name, split='train'):
    return json.loads(annotation_file(folder, name, split).read_text())


def masks_of(annotation):
    return [
        None if segment is None else coco_mask.decode(segment)
        for segment in annotation['segmentations']
    ]


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp('synthetic')
    generate(folder, OPTIONS, workers=1)
    return folder


def test_every_kind_of_the_world_has_a_figure_and_known_patterns():
    for name in STYLES:
        assert set(annotated_names(name)) == set(FIGURES)
    for kind, figure in FIGURES.items():
        assert figure.patterns and set(figure.patterns) <= set(PATTERNS), kind


@pytest.mark.parametrize('kind', sorted(FIGURES))
def test_figures_articulate_and_differ_between_individuals(kind):
    figure = FIGURES[kind]
    usual = Build(np.zeros(GENES))
    parts = figure.draw(usual, 0.3)
    moved = figure.draw(usual, 0.3 + np.pi / 2)
    again = figure.draw(usual, 0.3 + 4 * np.pi)
    assert all(np.isfinite(part.points).all() for part in parts)
    assert max(np.abs(a.points - b.points).max() for a, b in zip(parts, moved)) > 0.03
    for a, b in zip(parts, again):
        np.testing.assert_allclose(a.points, b.points, atol=1e-9)
    other = figure.draw(Build(np.ones(GENES)), 0.3)
    assert max(np.abs(a.points - b.points).max() for a, b in zip(parts, other)) > 0.01
    low, high = extent(parts)
    assert (high - low > 0.3).all() and (np.abs([low, high]) < 2.5).all()


def test_geometry_of_known_shapes():
    assert cv2.contourArea(ellipse(3, -2, 2, 1, 0.7, 200).astype(np.float32)) == pytest.approx(
        2 * np.pi, rel=1e-3
    )
    band = ribbon([(0, 0), (5, 0), (10, 0)], 2.0)
    assert cv2.contourArea(band.astype(np.float32)) == pytest.approx(20 + np.pi, rel=0.05)
    corners = np.array([(0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0)])
    np.testing.assert_allclose(smooth(corners, 5)[::5], corners, atol=1e-12)
    line = smooth(corners, 5, closed=False)
    assert len(line) == 16
    np.testing.assert_allclose(line[[0, 5, 15]], corners[[0, 1, 3]], atol=1e-12)


def test_colours_match_opencv():
    rng = np.random.default_rng(0)
    for hue, saturation, value in rng.random((20, 3)):
        pixel = np.array([[[360 * hue, saturation, value]]], np.float32)
        expected = 255 * cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0]
        np.testing.assert_allclose(hsv(hue, saturation, value), expected, atol=0.02)


@pytest.mark.parametrize('split', SPLITS)
@pytest.mark.parametrize('name', list(STYLES))
def test_files_follow_the_format(written, name, split):
    document = read(written, name, split)
    vocabulary = load_vocabulary(name)
    categories = document['categories']
    assert tuple(c['id'] for c in categories) == tuple(vocabulary.ids)
    assert tuple(c['name'] for c in categories) == tuple(vocabulary.names)
    assert {'info', 'licenses', 'videos', 'categories', 'annotations'} <= set(document)
    videos = {video['id']: video for video in document['videos']}
    assert len(videos) == OPTIONS.videos(split)
    for video in videos.values():
        assert video['length'] == len(video['file_names']) <= OPTIONS.length
        for file_name in video['file_names']:
            image = cv2.imread(str(written / name / 'JPEGImages' / file_name))
            assert image.shape == (video['height'], video['width'], 3) == (64, 96, 3)
    ids = [annotation['id'] for annotation in document['annotations']]
    assert ids == list(range(1, len(ids) + 1))
    for annotation in document['annotations']:
        check_annotation(annotation, videos[annotation['video_id']])
        assert annotation['category_id'] in vocabulary.ids
        assert ('occlusion' in annotation) == (name == 'synth_ovis')


def check_annotation(annotation, video):
    for key in ('segmentations', 'bboxes', 'areas'):
        assert len(annotation[key]) == video['length']
    assert annotation['iscrowd'] == 0
    assert any(annotation['segmentations'])
    for mask, segment, box, area in zip(
        masks_of(annotation),
        annotation['segmentations'],
        annotation['bboxes'],
        annotation['areas'],
    ):
        if mask is None:
            assert box is None and area is None
            continue
        assert isinstance(segment['counts'], str)
        assert segment['size'] == [video['height'], video['width']] == list(mask.shape)
        assert area == mask.sum() >= MIN_VISIBLE
        ys, xs = np.nonzero(mask)
        extent = [xs.min(), ys.min(), xs.max() + 1 - xs.min(), ys.max() + 1 - ys.min()]
        assert box == extent == list(coco_mask.toBbox(segment))


def test_sets_hold_nulls_gaps_and_unseen_validation_videos(written):
    for name in STYLES:
        annotations = read(written, name)['annotations']
        assert any(None in annotation['segmentations'] for annotation in annotations), name
        train, valid = (
            {v['file_names'][0].split('/')[0] for v in read(written, name, split)['videos']}
            for split in SPLITS
        )
        assert not train & valid
    ids = load_vocabulary('synth_uvo').ids
    assert max(ids) > len(ids)
    first = read(written, 'synth_ytvis', 'train'), read(written, 'synth_ytvis', 'valid')
    assert first[0]['annotations'][0]['areas'] != first[1]['annotations'][0]['areas']


def test_masks_of_a_frame_are_disjoint_and_match_what_is_painted(written):
    document = read(written, 'synth_ovis')
    for video in document['videos']:
        own = [a for a in document['annotations'] if a['video_id'] == video['id']]
        for t in range(video['length']):
            masks = [masks_of(a)[t] for a in own if a['segmentations'][t] is not None]
            if masks:
                assert np.sum(masks, axis=0).max() == 1


@pytest.mark.parametrize('name', list(STYLES))
def test_masks_are_the_pixels_that_an_object_changes(name):
    """Leaving all objects out changes the masks' insides, and nothing beyond their soft edges."""
    options = replace(OPTIONS, occlusion=0.0, difficulty=0.0, height=96, width=144)
    for plan in plan_split(options, name, 'train')[:4]:
        frames, objects = draw_video(plan)
        bare, nothing = draw_video(replace(plan, kinds=()))
        assert nothing == []
        changed = (frames.astype(int) != bare).any(axis=-1)
        covered = np.any([item.visible for item in objects], axis=0)
        assert covered.any()
        assert (changed & covered).sum() > 0.97 * covered.sum()
        grown = [cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))) for mask in covered]
        assert not (changed & ~np.array(grown, bool)).any()


def test_same_options_give_the_same_bytes_with_any_number_of_workers(written, tmp_path):
    generate(tmp_path, OPTIONS, workers=2)
    assert hashes(tmp_path) == hashes(written)


def test_a_video_does_not_depend_on_the_others(written, tmp_path):
    fewer = replace(OPTIONS, sets=('synth_uvo',), train=3, valid=0)
    generate(tmp_path, fewer, workers=1)
    expected = hashes(written)
    frames = {path: value for path, value in hashes(tmp_path).items() if path.endswith('.jpg')}
    assert len(frames) > 6
    assert frames.items() <= expected.items()


def test_seed_set_and_split_give_other_videos():
    first = draw_video(plan_split(OPTIONS, 'synth_ytvis', 'train')[0])[0]
    others = [
        plan_split(replace(OPTIONS, seed=6), 'synth_ytvis', 'train')[0],
        plan_split(OPTIONS, 'synth_ytvis', 'valid')[0],
        plan_split(OPTIONS, 'synth_uvo', 'train')[0],
        plan_split(OPTIONS, 'synth_ytvis', 'train')[1],
    ]
    for plan in others:
        assert not np.array_equal(draw_video(plan)[0][0], first[0])


@pytest.mark.parametrize('name', list(STYLES))
def test_each_set_annotates_its_kinds_only_and_shows_the_others(written, name):
    names = annotated_names(name)
    document = read(written, name)
    by_id = {c['id']: c['name'] for c in document['categories']}
    found = Counter((a['video_id'], by_id[a['category_id']]) for a in document['annotations'])
    expected, unlabelled = Counter(), 0
    for video_id, plan in enumerate(plan_split(OPTIONS, name, 'train'), 1):
        for item in draw_video(plan)[1]:
            seen = item.visible.sum(axis=(1, 2)).max() >= MIN_VISIBLE
            if names[item.kind] is None:
                unlabelled += seen
            elif seen:
                expected[video_id, names[item.kind]] += 1
    assert found == expected
    assert unlabelled > 0


def test_taxonomies_conflict_as_those_of_the_real_sets_do():
    ytvis, ovis, uvo = (annotated_names(name) for name in STYLES)
    assert {ytvis['car'], ovis['car'], uvo['car']} == {'sedan', 'Vehical', 'car'}
    assert ovis['bus'] == ovis['truck'] == 'Vehical' and ytvis['bus'] is None
    assert uvo['owl'] == uvo['parrot'] == 'bird' and ytvis['owl'] == 'owl'
    assert ytvis['mouse'] == uvo['computer_mouse'] == 'mouse'
    for names in (ytvis, ovis, uvo):
        assert None in names.values()
        kinds = load_vocabulary(list(STYLES)[[ytvis, ovis, uvo].index(names)]).names
        assert set(names.values()) - {None} == set(kinds)


def test_small_sets_hold_every_category():
    options = replace(PRESETS['demo'], valid=12)
    for name in STYLES:
        names = annotated_names(name)
        for split in SPLITS:
            plans = plan_split(options, name, split)
            shown = {names[kind] for plan in plans for kind in plan.kinds} - {None}
            assert shown == set(names.values()) - {None}, (name, split)


def hidden_share(options, name='synth_ovis'):
    hidden, total = 0, 0
    for plan in plan_split(options, name, 'train'):
        for item in draw_video(plan)[1]:
            hidden += int((item.amodal & ~item.visible).sum())
            total += int(item.amodal.sum())
    return hidden / total


def test_occlusion_option_and_styles_order_the_measured_occlusion():
    options = replace(OPTIONS, train=12, length=3)
    shares = [hidden_share(replace(options, occlusion=value)) for value in (0.0, 1.0, 2.0)]
    assert shares[0] < shares[1] < shares[2]
    assert hidden_share(options, 'synth_ytvis') < hidden_share(options, 'synth_uvo') < shares[1]


def test_density_option_changes_the_number_of_objects():
    few = plan_split(replace(OPTIONS, density=0.0), 'synth_uvo', 'train')
    many = plan_split(replace(OPTIONS, density=2.0), 'synth_uvo', 'train')
    assert all(len(plan.kinds) == 1 for plan in few)
    assert np.mean([len(plan.kinds) for plan in many]) > 6
    style = STYLES['synth_uvo']
    assert scaled_style(style, 1.0, 1.0) == style


def test_occlusion_labels_follow_the_masks(written):
    document = read(written, 'synth_ovis')
    labels = Counter()
    for annotation in document['annotations']:
        for label, segment in zip(annotation['occlusion'], annotation['segmentations']):
            assert (label is None) == (segment is None)
            labels[label] += 1
    assert set(labels) - {None} == {'no_occlusion', 'slight_occlusion', 'severe_occlusion'}


def test_videos_of_one_frame_and_empty_splits(tmp_path):
    options = SyntheticOptions(train=2, valid=0, length=1, height=40, width=48)
    generate(tmp_path, options, workers=1)
    for name in STYLES:
        assert [v['length'] for v in read(tmp_path, name)['videos']] == [1, 1]
        assert read(tmp_path, name, 'valid')['videos'] == []


def test_is_generated_notices_other_options_and_missing_files(tmp_path):
    options = replace(PRESETS['tiny'], train=2, valid=1)
    assert not is_generated(tmp_path, options)
    generate(tmp_path, options, workers=1)
    assert is_generated(tmp_path, options)
    assert is_generated(tmp_path, replace(options, sets=('synth_ovis',)))
    assert not is_generated(tmp_path, replace(options, seed=1))
    frame = next((tmp_path / 'synth_uvo' / 'JPEGImages').rglob('*.jpg'))
    frame.unlink()
    assert not is_generated(tmp_path, options)


def test_an_interrupted_run_leaves_no_old_annotations(tmp_path):
    options = replace(PRESETS['tiny'], train=2, valid=1, sets=('synth_ovis',))
    generate(tmp_path, options, workers=1)

    def interrupt(done, total):
        assert total == 3
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path, replace(options, seed=1), workers=1, progress=interrupt)
    assert not list((tmp_path / 'synth_ovis').glob('*.json'))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'sets': ('ytvis19',)}, 'sets: .*synth_ytvis.*ytvis19'),
        ({'train': -1}, 'train: expected at least 0, got -1'),
        ({'length': 0}, 'length: expected at least 1, got 0'),
        ({'height': 8}, 'height: expected at least 32, got 8'),
        ({'difficulty': 1.5}, 'difficulty: expected 0 to 1, got 1.5'),
    ],
)
def test_bad_options_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        replace(OPTIONS, **change)


def test_typical_colours_paint_a_kind_alike_and_others_differently():
    options = replace(
        PRESETS['tiny'], train=30, typical_colours=1.0, difficulty=0.0, sets=('synth_uvo',)
    )
    hues = {}
    for plan in plan_split(options, 'synth_uvo', 'train'):
        frames, objects = draw_video(plan)
        for item in objects:
            pixels = frames[item.visible]
            if len(pixels) > 200:
                hues.setdefault(item.kind, []).append(np.median(pixels, axis=0))
    within = [np.ptp(values, axis=0).max() for values in hues.values() if len(values) > 1]
    between = np.std([np.mean(values, axis=0) for values in hues.values()], axis=0).max()
    assert len(within) > 5
    assert np.median(within) < 60
    assert between > 25


def test_typical_colours_are_an_option_of_the_share_of_objects():
    with pytest.raises(ValueError, match='typical_colours'):
        SyntheticOptions(typical_colours=1.5)


@pytest.mark.parametrize('text', ['{"videos": [', '[]', '{"videos": [], "categories": []}'])
def test_other_json_is_generated_anew_only_if_damaged(tmp_path, text):
    options = replace(PRESETS['tiny'], train=1, valid=1, sets=('synth_ovis',))
    path = annotation_file(tmp_path, 'synth_ovis', 'train')
    path.parent.mkdir()
    path.write_text(text)
    if text.endswith('['):
        assert not is_generated(tmp_path, options)
    else:
        with pytest.raises(FileExistsError, match=r'train.json was not generated'):
            is_generated(tmp_path, options)


def test_generating_does_not_touch_files_of_others(tmp_path):
    options = replace(PRESETS['tiny'], train=1, valid=1, sets=('synth_ovis',))
    path = annotation_file(tmp_path, 'synth_ovis', 'valid')
    path.parent.mkdir()
    path.write_text('{"videos": []}')
    for call in (is_generated, generate):
        with pytest.raises(FileExistsError, match='valid.json was not generated'):
            call(tmp_path, options)
    assert path.read_text() == '{"videos": []}'
