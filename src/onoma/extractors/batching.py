"""Batches of about equal work: inputs of like length together, up to a budget of padded pieces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_CALL = 32
"""Pieces of padding that cost about as much as one more batch."""


def budget_batches(lengths: Sequence[int], budget: int, order: Sequence[int] | None = None) -> list[list[int]]:
    """Group inputs so that ``longest × count`` of each batch stays within a budget.

    Args:
        lengths: pieces of each input.
        budget: padded pieces of a batch; an input longer than it makes a batch of its own.
        order: the order to fill batches in; longest first if None, which pads least and shows the most memory at once.

    Returns:
        Batches of indices; each index stands in exactly one.

    Examples:
        >>> budget_batches([5, 1, 4, 1], budget=10)
        [[0, 2], [1, 3]]
    """
    if order is None:
        order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    batches: list[list[int]] = []
    batch: list[int] = []
    longest = 0
    for index in order:
        longest = max(longest, lengths[index])
        if batch and longest * (len(batch) + 1) > budget:
            batches.append(batch)
            batch, longest = [], lengths[index]
        batch.append(index)
    if batch:
        batches.append(batch)
    return batches


def cheapest_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Group inputs so that padding and calls together cost least, within a budget.

    Inputs are sorted, and where to cut is found by dynamic programming over the lengths that occur: few inputs of many
    lengths make small batches, many of like length make batches as large as may be.

    Args:
        lengths: pieces of each input.
        budget: padded pieces of a batch; an input longer than it makes a batch of its own.

    Returns:
        Batches of indices, the longest inputs first, which shows the most memory at once; each index stands in
        exactly one.

    Examples:
        >>> cheapest_batches([200, 9, 8, 200, 8], budget=2048)
        [[0, 3], [1, 2, 4]]
    """
    if not lengths:
        return []
    order = np.argsort(-np.asarray(lengths), kind="stable")
    values, counts = np.unique(lengths, return_counts=True)
    values, ends = values[::-1], np.cumsum(counts[::-1])
    starts = ends - counts[::-1]
    most = np.maximum(1, budget // values)
    # Least cost of all inputs before each length, and the length that the last batches before it begin with.
    costs, cuts = np.zeros(len(values) + 1), np.zeros(len(values) + 1, np.int64)
    for end in range(1, len(values) + 1):
        sizes = ends[end - 1] - starts[:end]
        tried = costs[:end] + values[:end] * sizes + _CALL * -(-sizes // most[:end])
        cuts[end] = tried.argmin()
        costs[end] = tried[cuts[end]]
    batches: list[list[int]] = []
    end = len(values)
    while end:
        start = int(cuts[end])
        part = order[starts[start] : ends[end - 1]]
        batches = [piece.tolist() for piece in np.array_split(part, -(-len(part) // most[start]))] + batches
        end = start
    return batches
