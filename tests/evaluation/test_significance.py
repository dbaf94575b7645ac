import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onoma.evaluation.significance import approximate_randomization, f1_of, holm, pooled_interval

ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(2, 4)), min_size=1, max_size=7)


def counts(rows):
    return np.array([(right, right + wrong, gold) for right, wrong, gold in rows], float)


def test_f1_of_sums():
    assert f1_of(np.array([[1, 2, 2], [0, 0, 0]])).tolist() == [0.5, 0.0]


@given(ROWS, st.integers(0, 99))
def test_p_is_near_the_exact_one(rows, seed):
    first = counts(rows)
    second = counts(rows[::-1])
    observed = abs(f1_of(first.sum(0)) - f1_of(second.sum(0)))
    swaps = [np.array(swap)[:, None] for swap in itertools.product([0, 1], repeat=len(rows))]
    exact = np.mean(
        [
            abs(f1_of(np.where(swap, second, first).sum(0)) - f1_of(np.where(swap, first, second).sum(0)))
            >= observed - 1e-12
            for swap in swaps
        ]
    )
    assert approximate_randomization(first, second, seed=seed, rounds=2000) == pytest.approx(exact, abs=0.05)


def test_clear_differences_are_found_and_equal_systems_are_not():
    good, bad = counts([(2, 0, 2)] * 60), counts([(1, 1, 2)] * 60)
    assert approximate_randomization(good, bad, seed=1, rounds=999) == 1 / 1000
    assert approximate_randomization(good, good, seed=1, rounds=99) == 1
    with pytest.raises(ValueError, match="60 and 3 documents are not the same"):
        approximate_randomization(good, bad[:3], seed=1)


def test_the_interval_covers_and_repeats():
    hits = np.random.default_rng(0).permutation(np.arange(400) < 280)
    low, high = pooled_interval(np.stack([hits, np.ones(400), np.ones(400)], axis=1), seed=1)
    # Of 400 documents 70 % are right: the normal approximation gives 0.7 ± 1.96 · sqrt(0.7 · 0.3 / 400).
    assert (low, high) == pytest.approx((0.655, 0.745), abs=0.008)
    assert pooled_interval(np.zeros((0, 3)), seed=1) == (0, 0)


def test_holm():
    assert holm({"c": 0.03, "a": 0.01, "b": 0.04}) == pytest.approx({"c": 0.06, "a": 0.03, "b": 0.06})
    assert holm({}) == {}
