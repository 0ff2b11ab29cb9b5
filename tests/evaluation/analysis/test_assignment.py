import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from mmtmt.evaluation.analysis.assignment import best_pairs


@pytest.mark.parametrize('values', [2, 4, 1000])
def test_pairs_are_those_of_scipy_in_ties_too(values):
    rng = np.random.default_rng(values)
    for _ in range(200):
        gain = rng.integers(0, values, rng.integers(1, 8, 2)) / values
        rows, columns = best_pairs(gain)
        expected = linear_sum_assignment(-gain)
        np.testing.assert_array_equal(rows, expected[0])
        np.testing.assert_array_equal(columns, expected[1])


@pytest.mark.parametrize('shape', [(0, 3), (3, 0)])
def test_nothing_to_pair(shape):
    assert [len(side) for side in best_pairs(np.zeros(shape))] == [0, 0]
