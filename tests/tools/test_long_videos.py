"""The comparison of ways to predict long videos, on a toy model that is its own ground truth."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from mmtmt.evaluation.analysis.borders import Crossings
from mmtmt.evaluation.functional.inputs import read_ground_truth
from mmtmt.structures.tubes import encode_tube, tube_to_json
from mmtmt.taxonomy import load_vocabulary
from tests.models.conftest import build_model, make_video  # noqa: F401

FILE = Path(__file__).resolve().parents[2] / 'tools/analysis_tools/long_videos.py'


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('long_videos', FILE)
    module = sys.modules['long_videos'] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def truth_of(results, frames):
    vocabulary = load_vocabulary('synth_ovis')
    return read_ground_truth(dict(
        videos=[dict(id=1, width=90, height=60, length=frames)],
        categories=[dict(id=i, name=n) for i, n in zip(vocabulary.ids, vocabulary.names)],
        annotations=[
            dict(id=index, video_id=1, category_id=result['category_id'], iscrowd=0,
                 segmentations=tube_to_json(result['segmentations']))
            for index, result in enumerate(results, start=1) if any(result['segmentations'])
        ]))


def two_objects(frames):
    """Two results of a video, and themselves as its ground truth."""
    masks = np.zeros((2, frames, 60, 90), dtype=bool)
    masks[0, :, :20], masks[1, :, 40:] = True, True
    category = load_vocabulary('synth_ovis').ids[0]
    results = [
        dict(video_id=1, category_id=category, score=0.5, segmentations=encode_tube(mask))
        for mask in masks]
    return results, dict(toy=truth_of(results, frames))


def test_predicts_in_chunks_and_measures(tool, build_model, make_video):  # noqa: F811
    model = build_model(test_cfg=dict(clip_length=8, max_per_video=1))
    settings = dict(model.test_cfg)
    outcome = tool.predict_all(
        model, [make_video(15)], dict(clip_length=6, clip_overlap=2, long_video='one_pass'))
    assert outcome.borders == {'toy': {1: [6, 10, 14]}}
    assert model.test_cfg == settings and outcome.seconds > 0
    # what it found, as ground truth
    truths = dict(toy=truth_of(outcome.results['toy'], 15))
    quality = tool.measure(outcome, truths)
    assert (quality.precision, quality.half) == (pytest.approx(1), pytest.approx(1))
    assert quality.border == quality.held == Crossings(3, 0)
    assert quality.elsewhere == Crossings(11, 0)


def test_results_that_change_places_at_a_cut_are_switches(tool):
    results, truths = two_objects(6)
    outcome = tool.Outcome(results=dict(toy=results), borders=dict(toy={1: [2, 4]}))
    sound = tool.measure(outcome, truths)
    assert sound[2:5] == (Crossings(4, 0), Crossings(4, 0), Crossings(6, 0))
    first, second = (result['segmentations'] for result in results)
    first[4:], second[4:] = second[4:], first[4:]
    changed = tool.measure(outcome, truths, sound)
    assert changed[2:5] == (Crossings(2, 2), Crossings(2, 2), Crossings(6, 0))
    assert changed.precision < 1


def test_objects_that_are_not_held_at_once_are_told_apart(tool):
    results, truths = two_objects(4)
    first, second = (result['segmentations'] for result in results)
    first[2:], second[2:] = second[2:], first[2:]
    outcome = tool.Outcome(results=dict(toy=results), borders=dict(toy={1: [2]}))
    # at once they change places as well
    changed = tool.measure(outcome, truths, tool.measure(outcome, truths))
    assert changed.border == Crossings(0, 2) and changed.held == Crossings(0, 0)


def test_ways(tool, build_model):  # noqa: F811
    args = tool.parse_args(['config.py', 'weights.pth', '--overlaps', '0', '2'])
    ways = [name for name, *_ in tool.ways_of(build_model(), args)]
    assert ways == ['at once', 'two_pass, 0 shared', 'two_pass, 2 shared',
                    'one_pass, 0 shared', 'one_pass, 2 shared']
    ways = [name for name, *_ in tool.ways_of(build_model(type='MinVIS'), args)]
    assert ways == ['at once', 'two_pass', 'one_pass']


def test_sets_elsewhere(tool):
    part = dict(datasets=[dict(root='data/synth/a', size=(3, 4))], files={'a': 'other/a.json'})
    assert tool.moved(part, 'data/synth/', 'data/long/') == dict(
        datasets=[dict(root='data/long/a', size=(3, 4))], files={'a': 'other/a.json'})
