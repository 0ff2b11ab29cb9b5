import json
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from mmtmt.evaluation import evaluate
from mmtmt.evaluation.metrics import VideoInstanceMetric, video_instance_metric
from mmtmt.registry import METRICS
from mmtmt.structures.samples import make_sample
from mmtmt.structures.tubes import tube_from_json
from mmtmt.taxonomy import Vocabulary, load_vocabulary


def samples_of(case, dataset, vocabulary='pets'):
    """One predicted sample per video, labels as positions in the vocabulary (ids 3 and 7)."""
    samples = []
    for video in case.gt['videos']:
        entries = [entry for entry in case.results if entry['video_id'] == video['id']]
        shape = (video['height'], video['width'])
        sample = make_sample(
            dataset=dataset,
            vocabulary=vocabulary,
            video_id=video['id'],
            frame_indices=[0, 1],
            video_length=2,
            ori_shape=shape,
            img_shape=shape,
        )
        sample.pred_tubes = InstanceData(
            scores=torch.tensor([entry['score'] for entry in entries]),
            labels=torch.tensor([{3: 0, 7: 1}[entry['category_id']] for entry in entries]),
            tubes=[tube_from_json(entry['segmentations'], *shape) for entry in entries],
        )
        samples.append(sample)
    return samples


@pytest.fixture
def ann_file(random_case, tmp_path):
    path = tmp_path / 'gt.json'
    path.write_text(json.dumps(random_case.gt))
    return str(path)


def run(metric, samples):
    evaluator = Evaluator(metric)
    for sample in samples:
        evaluator.process([sample])
    return evaluator.evaluate(len(samples))


def test_routes_by_dataset_and_maps_gapped_ids(random_case, ann_file, tmp_path):
    expected = evaluate(random_case.gt, random_case.results)
    other = json.loads(json.dumps(random_case.gt))
    other['annotations'] = other['annotations'][:4]
    (tmp_path / 'other.json').write_text(json.dumps(other))
    metric = METRICS.build(
        {
            'type': 'VideoInstanceMetric',
            'ann_files': {'videos_a': ann_file, 'videos_b': str(tmp_path / 'other.json')},
        }
    )
    output = run(metric, samples_of(random_case, 'videos_a') + samples_of(random_case, 'videos_b'))
    # Scores went through float32, which keeps their order.
    for key in ('AP', 'AP50', 'AP75', 'AR1', 'AR10', 'AP_small'):
        assert output[f'videos_a/{key}'] == pytest.approx(expected[key], abs=1e-12)
    fewer = evaluate(other, random_case.results)['AP']
    assert output['videos_b/AP'] == pytest.approx(fewer, abs=1e-12) != expected['AP']
    assert output['mean/AP'] == pytest.approx((expected['AP'] + fewer) / 2)


def test_registered_vocabulary_takes_the_ids_of_the_file(random_case, tmp_path, box):
    vocabulary = load_vocabulary('uvo')
    gt = random_case.gt
    gt['categories'] = [
        {'id': i, 'name': name} for i, name in zip(vocabulary.ids, vocabulary.names)
    ]
    zebra = vocabulary.names.index('zebra')
    for annotation in gt['annotations']:
        annotation['category_id'] = vocabulary.ids[zebra]
    assert vocabulary.ids[zebra] != zebra + 1
    for entry in random_case.results:
        entry['category_id'] = 3
    samples = samples_of(random_case, 'uvo', 'uvo')
    for sample in samples:
        sample.pred_tubes.labels.fill_(zebra)
    for entry in random_case.results:
        entry['category_id'] = vocabulary.ids[zebra]
    (tmp_path / 'uvo.json').write_text(json.dumps(gt))
    output = run(VideoInstanceMetric(ann_files={'uvo': str(tmp_path / 'uvo.json')}), samples)
    expected = evaluate(gt, random_case.results)['AP']
    assert expected > 0 and output['uvo/AP'] == pytest.approx(expected, abs=1e-12)


def test_vocabulary_that_is_not_the_files_is_refused(random_case, ann_file):
    metric = VideoInstanceMetric(ann_files={'a': ann_file})
    with pytest.raises(ValueError, match='ytvis19'):
        run(metric, samples_of(random_case, 'a', 'ytvis19'))


@pytest.mark.parametrize('shares', [(4, 0), (3, 1), (2, 2)])
def test_gathers_uneven_shares_and_repeated_videos(random_case, ann_file, monkeypatch, shares):
    """Two processes, the second of which repeats a video of the first to fill its share."""
    samples = [sample.to_dict() for sample in samples_of(random_case, 'a')]
    expected = run(VideoInstanceMetric(ann_files={'a': ann_file}), samples_of(random_case, 'a'))
    metric = VideoInstanceMetric(ann_files={'a': ann_file})
    metric.process(None, samples[: shares[0]])
    second = VideoInstanceMetric(ann_files={'a': ann_file})
    second.process(None, samples[shares[0] :] + samples[:1])
    monkeypatch.setattr(video_instance_metric, 'get_world_size', lambda: 2)
    monkeypatch.setattr(
        'mmengine.evaluator.metric.collect_results',
        lambda results, size, device, tmpdir=None: [*results, second.results],
    )
    assert metric.evaluate(4) == expected


def test_keeps_rle_only(random_case, ann_file):
    metric = VideoInstanceMetric(ann_files={'a': ann_file})
    metric.process(None, [sample.to_dict() for sample in samples_of(random_case, 'a')])

    def leaves(value):
        if isinstance(value, dict):
            value = value.values()
        if (
            isinstance(value, (dict, list, tuple))
            or hasattr(value, '__iter__')
            and not isinstance(value, (str, bytes, np.ndarray, torch.Tensor))
        ):
            return [leaf for item in value for leaf in leaves(item)]
        return [value]

    kinds = {type(leaf) for result in metric.results for leaf in leaves(vars(result))}
    assert kinds <= {str, int, float, bytes, type(None)}


def test_one_table_with_a_row_per_dataset(random_case, ann_file, monkeypatch):
    lines = []
    monkeypatch.setattr(video_instance_metric, 'print_log', lambda text, **_: lines.append(text))
    metric = VideoInstanceMetric(ann_files={'a': ann_file, 'b': ann_file})
    run(metric, samples_of(random_case, 'a') + samples_of(random_case, 'b'))
    (table,) = [text for text in lines if '|' in text]
    assert [line.split('|')[1].strip() for line in table.splitlines() if line.startswith('|')] == [
        'dataset',
        'a',
        'b',
        'mean',
    ]
    assert 'AP50' in table and 'AR10' in table


def test_what_the_numbers_leave_out_goes_to_the_log(case, box, tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(video_instance_metric, 'print_log', lambda text, **_: lines.append(text))
    case.object(1, [box(0, 10), None])
    for n in range(101):
        case.result(1, [box(n % 50, 55), None], 0.9 - 0.001 * n)
    (tmp_path / 'gt.json').write_text(json.dumps(case.gt))
    run(VideoInstanceMetric(ann_files={'a': str(tmp_path / 'gt.json')}), samples_of(case, 'a'))
    text = '\n'.join(lines)
    assert 'a: 1 result beyond the best 100 of a video and category: not looked at' in text
    assert 'a: 51 results with the masks of another one of the video and category' in text
    assert 'result 50 repeats result 0, with another score' in text


def test_empty_list_of_annotations_is_hidden_ground_truth(case, tmp_path):
    (tmp_path / 'gt.json').write_text(json.dumps(case.gt))
    with pytest.raises(ValueError, match='hide them.*split_dataset.py'):
        VideoInstanceMetric(ann_files={'a': str(tmp_path / 'gt.json')})


def test_format_only_needs_no_annotations(random_case, tmp_path):
    expected = evaluate(random_case.gt, random_case.results)['AP']
    hidden = {key: random_case.gt[key] for key in ('videos', 'categories')}
    (tmp_path / 'valid.json').write_text(json.dumps(hidden))
    metric = VideoInstanceMetric(
        ann_files={'a': str(tmp_path / 'valid.json')},
        format_only=True,
        outfile_prefix=str(tmp_path / 'out'),
    )
    assert run(metric, samples_of(random_case, 'a')) == {}
    results = tmp_path / 'out' / 'a' / 'results.json'
    assert evaluate(random_case.gt, results)['AP'] == pytest.approx(expected, abs=1e-12)
    with zipfile.ZipFile(tmp_path / 'out' / 'a' / 'submission.zip') as archive:
        assert archive.namelist() == ['results.json']


def test_format_only_of_one_dataset_evaluates_the_others(random_case, ann_file, tmp_path):
    hidden = {key: random_case.gt[key] for key in ('videos', 'categories')}
    (tmp_path / 'valid.json').write_text(json.dumps(hidden))
    metric = VideoInstanceMetric(
        ann_files={'a': str(tmp_path / 'valid.json'), 'b': ann_file},
        format_only=['a'],
        outfile_prefix=str(tmp_path / 'out'),
    )
    numbers = run(metric, samples_of(random_case, 'a') + samples_of(random_case, 'b'))
    assert numbers['b/AP'] > 0 and not any(key.startswith('a/') for key in numbers)
    assert (tmp_path / 'out' / 'a' / 'submission.zip').is_file()
    with pytest.raises(ValueError, match="format_only names .'c'."):
        VideoInstanceMetric(ann_files={'b': ann_file}, format_only=['c'], outfile_prefix='out')


@pytest.mark.parametrize('annotations', [{}, {'annotations': None}, {'annotations': []}])
def test_hidden_ground_truth_is_found_at_the_start(random_case, tmp_path, annotations):
    hidden = {key: random_case.gt[key] for key in ('videos', 'categories')} | annotations
    (tmp_path / 'valid.json').write_text(json.dumps(hidden))
    with pytest.raises(ValueError, match='valid.json: .*no annotations.*format_only'):
        VideoInstanceMetric(ann_files={'a': str(tmp_path / 'valid.json')})


def test_unknown_video_and_dataset_are_refused(random_case, ann_file):
    samples = samples_of(random_case, 'a')
    samples[1].set_metainfo({'video_id': 77})
    with pytest.raises(ValueError, match='a: 1 predicted videos are not in.* 77'):
        run(VideoInstanceMetric(ann_files={'a': ann_file}), samples)
    with pytest.raises(ValueError, match="dataset 'a' is predicted, but ann_files names"):
        run(VideoInstanceMetric(ann_files={'b': ann_file}), samples)


def test_a_dataset_is_held_against_the_files_before_inference(random_case, ann_file):
    names = [category['name'] for category in random_case.gt['categories']]
    videos = [video['id'] for video in random_case.gt['videos']]
    metric = VideoInstanceMetric(ann_files={'a': ann_file})

    def dataset(name='a', names=names, video_ids=videos):
        vocabulary = Vocabulary.from_names('pets', names)
        return SimpleNamespace(name=name, vocabulary=vocabulary, video_ids=video_ids)

    metric.check_dataset(dataset())
    for wrong, message in (
        (dataset('b'), "dataset 'b' is predicted, but ann_files names"),
        (dataset(video_ids=[*videos, 77]), '1 predicted videos are not in .* 77'),
        (dataset(names=[*names, 'emu']), f'the {len(names)} categories of .* not the'),
    ):
        with pytest.raises(ValueError, match=message):
            metric.check_dataset(wrong)


def test_means_leave_out_what_had_nothing_to_find(random_case, ann_file, tmp_path):
    crowds = json.loads(json.dumps(random_case.gt))
    for annotation in crowds['annotations']:
        annotation['iscrowd'] = 1
    (tmp_path / 'crowds.json').write_text(json.dumps(crowds))
    files = {'a': ann_file, 'b': str(tmp_path / 'crowds.json')}
    samples = samples_of(random_case, 'a') + samples_of(random_case, 'b')
    numbers = run(VideoInstanceMetric(ann_files=files), samples)
    assert numbers['b/AP'] == -1 and numbers['mean/AP'] == numbers['a/AP'] > 0


def test_videos_left_out_are_counted(random_case, ann_file, monkeypatch):
    lines = []
    monkeypatch.setattr(video_instance_metric, 'print_log', lambda text, **_: lines.append(text))
    run(VideoInstanceMetric(ann_files={'a': ann_file}), samples_of(random_case, 'a')[:3])
    assert '1 of 4 videos were not predicted' in lines[0]


def test_predicted_videos_without_a_result_are_told(random_case, ann_file, tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(video_instance_metric, 'print_log', lambda text, **_: lines.append(text))
    samples = samples_of(random_case, 'a')
    samples[0].pred_tubes = samples[0].pred_tubes[:0]
    run(VideoInstanceMetric(ann_files={'a': ann_file}, outfile_prefix=str(tmp_path)), samples)
    assert any('1 of 4 predicted videos have no result' in line for line in lines)


def test_format_only_needs_a_place(ann_file):
    with pytest.raises(ValueError, match='outfile_prefix'):
        VideoInstanceMetric(ann_files={'a': ann_file}, format_only=True)


@pytest.mark.parametrize(
    ('key', 'value', 'told'),
    [
        ('scores', float('nan'), 'a score of nan'),
        ('labels', -1, 'label -1'),
        ('labels', 2, 'label 2'),
    ],
)
def test_a_broken_prediction_is_named_and_the_others_are_written(
    random_case, ann_file, tmp_path, key, value, told
):
    broken = samples_of(random_case, 'a')
    broken[1].pred_tubes[key][2] = value
    files = {'a': ann_file, 'b': ann_file}
    metric = VideoInstanceMetric(ann_files=files, outfile_prefix=str(tmp_path))
    video = random_case.gt['videos'][1]['id']
    with pytest.raises(ValueError, match=f'^a: video {video}: expected .*{told}'):
        run(metric, broken + samples_of(random_case, 'b'))
    results = json.loads((tmp_path / 'b' / 'results.json').read_text())
    assert len(results) == len(random_case.results)
    assert not (tmp_path / 'a').exists()
