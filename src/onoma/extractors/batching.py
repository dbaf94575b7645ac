"""Batches of about equal work: inputs of like length together, up to a budget of padded pieces."""

from __future__ import annotations

from collections.abc import Sequence


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
