"""Is one system better than another, beyond the luck of the test set?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

ROUNDS = 10_000
Counts = npt.NDArray[np.floating] | npt.NDArray[np.integer]
"""Right, predicted and gold spans of each document, shape ``(documents, 3)``; means where there are several seeds."""


def f1_of(sums: Counts) -> npt.NDArray[np.float64]:
    """Micro F1 of summed counts, over the last axis; 0 where nothing is predicted and nothing is gold."""
    correct, total = sums[..., 0], sums[..., 1] + sums[..., 2]
    return np.divide(2 * correct, total, out=np.zeros(np.shape(total)), where=total > 0)


def approximate_randomization(first: Counts, second: Counts, *, seed: int, rounds: int = ROUNDS) -> float:
    """Two-sided p of the difference in micro F1 between two systems on the same documents.

    Each round swaps the systems' answers on a random half of the documents, and counts how often the difference is at
    least as large as the one observed (Noreen 1989; Yeh 2000, https://aclanthology.org/C00-2137).

    Args:
        first: counts of one system.
        second: counts of the other, on the same documents in the same order.
        seed: of the swaps.
        rounds: number of rounds; p is at least ``1 / (rounds + 1)``.

    Raises:
        ValueError: if the two are not counts of the same number of documents.

    Examples:
        >>> counts = np.array([[1.0, 1.0, 1.0]] * 8)
        >>> approximate_randomization(counts, counts, seed=0)
        1.0
    """
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} and {len(second)} documents are not the same")
    generator = np.random.default_rng(seed)
    total, change = first.sum(axis=0), second - first
    observed = abs(float(f1_of(total) - f1_of(second.sum(axis=0))))
    as_large = 0
    for size in _blocks(rounds):
        moved = generator.integers(0, 2, (size, len(first))) @ change
        difference = np.abs(f1_of(total + moved) - f1_of(second.sum(axis=0) - moved))
        # Sums in another order differ in the last bits; equal differences must count as equal.
        as_large += int((difference >= observed - 1e-12).sum())
    return (as_large + 1) / (rounds + 1)


def pooled_interval(counts: Counts, *, seed: int, rounds: int = 1_000) -> tuple[float, float]:
    """Bootstrap 95 % percentile interval of micro F1 under resampling of documents.

    Args:
        counts: of one system, means over its seeds.
        seed: of the resampling.
        rounds: number of bootstrap samples.
    """
    if not len(counts):
        return (0.0, 0.0)
    generator = np.random.default_rng(seed)
    chosen = generator.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), rounds)
    low, high = np.percentile(f1_of(chosen @ counts), [2.5, 97.5])
    return float(low), float(high)


def holm(values: Mapping[str, float]) -> dict[str, float]:
    """P values adjusted for their number (Holm 1979), in the order given.

    Examples:
        >>> holm({"a": 0.01, "b": 0.04})
        {'a': 0.02, 'b': 0.04}
    """
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, name in enumerate(sorted(values, key=values.__getitem__)):
        highest = max(highest, min(1.0, (len(values) - rank) * values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in values}


def _blocks(rounds: int, block: int = 500) -> list[int]:
    return [min(block, rounds - start) for start in range(0, rounds, block)]


def p_text(value: float | None) -> str:
    """A p value as reports show it; empty where nothing was tested.

    Examples:
        >>> p_text(0.0123), p_text(0.0)
        ('0.012', '< 0.001')
    """
    return "" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"
