"""Pairs of rows and columns with the largest total."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def best_pairs(gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gives every row (or every column, when there are fewer) a partner of its own, so that the sum
    of the gains is as large as can be.

    Rows are added one after the other, each over the cheapest chain of changes among the pairs that
    there are (Crouse, On implementing 2D rectangular assignment algorithms, 2016). Of chains at one
    cost that is taken which SciPy's ``linear_sum_assignment`` takes, so that metrics whose values
    depend on it agree in ties too.

    Args:
        gain: (N, M) finite gains.

    Returns:
        The rows, rising, and their columns; min(N, M) of each.
    """
    if min(gain.shape) == 0:
        return np.zeros(0, int), np.zeros(0, int)
    if gain.shape[0] > gain.shape[1]:
        columns = np.array(_assign((-gain.T).tolist()))
        order = np.argsort(columns)
        return columns[order], order
    return np.arange(gain.shape[0]), np.array(_assign((-gain).tolist()))


def _assign(cost: Sequence[Sequence[float]]) -> list[int]:
    """The column of every row at the least total cost; no more rows than columns."""
    num_rows, num_columns = len(cost), len(cost[0])
    row_price, column_price = [0.0] * num_rows, [0.0] * num_columns
    column_of, row_of = [-1] * num_rows, [-1] * num_columns
    for start in range(num_rows):
        shortest, previous = [math.inf] * num_columns, [-1] * num_columns
        remaining = list(range(num_columns - 1, -1, -1))
        rows, columns = [start], []
        row, distance = start, 0.0
        while True:
            base, costs = distance - row_price[row], cost[row]
            distance, found = math.inf, -1
            for position, column in enumerate(remaining):
                through = base + costs[column] - column_price[column]
                if through < shortest[column]:
                    shortest[column], previous[column] = through, row
                length = shortest[column]
                if length < distance or (length == distance and row_of[column] == -1):
                    distance, found = length, position
            column = remaining[found]
            remaining[found] = remaining[-1]
            remaining.pop()
            columns.append(column)
            row = row_of[column]
            if row == -1:
                break
            rows.append(row)
        row_price[start] += distance
        for row in rows[1:]:
            row_price[row] += distance - shortest[column_of[row]]
        for other in columns:
            column_price[other] -= distance - shortest[other]
        while True:
            row = previous[column]
            row_of[column] = row
            column_of[row], column = column, column_of[row]
            if row == start:
                break
    return column_of
