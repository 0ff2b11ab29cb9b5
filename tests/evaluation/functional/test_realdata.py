"""Annotations of recorded videos, taken for results: nothing can be wrong with them."""

import json
import os
from pathlib import Path

import pytest

from mmtmt.evaluation import evaluate
from mmtmt.structures.tubes import tube_from_json, tube_to_json

SHARED = Path(os.environ.get('MMTMT_SHARED', Path(__file__).parents[4] / 'shared'))

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not (SHARED / 'realdata').is_dir(), reason='no recorded videos'),
]


@pytest.mark.parametrize('dataset', ['ytvis19', 'ovis', 'uvo'])
def test_ground_truth_as_results_is_perfect(dataset):
    gt = json.loads((SHARED / 'realdata' / dataset / 'valid.json').read_text())
    sizes = {video['id']: (video['height'], video['width']) for video in gt['videos']}
    results = [
        {
            'video_id': entry['video_id'],
            'category_id': entry['category_id'],
            'score': 0.9,
            'segmentations': tube_to_json(
                tube_from_json(entry['segmentations'], *sizes[entry['video_id']])
            ),
        }
        for entry in gt['annotations']
    ]
    output = evaluate(gt, results)
    assert output['AP'] == pytest.approx(1) and output['AR100'] == pytest.approx(1)
    output = evaluate(
        gt, [{**entry, 'segmentations': entry['segmentations'][::-1]} for entry in results]
    )
    assert output['AP'] < 0.9
