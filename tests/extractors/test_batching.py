import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onoma.extractors.batching import _CALL, budget_batches, cheapest_batches


@pytest.mark.parametrize("batching", [budget_batches, cheapest_batches])
@given(lengths=st.lists(st.integers(1, 50), max_size=80), budget=st.integers(1, 200))
def test_batches_hold_each_input_once_and_keep_the_budget(batching, lengths, budget):
    batches = batching(lengths, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[index] for index in batch) * len(batch) <= budget


def test_order_can_be_given():
    assert budget_batches([1, 1, 1], 2, order=[2, 0, 1]) == [[2, 0], [1]]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=7), st.integers(300, 1000))
def test_no_other_cuts_between_lengths_cost_less(lengths, budget):
    def cost(batches):
        return sum(max(batch) * len(batch) + _CALL for batch in batches)

    alike = [list(group) for _, group in itertools.groupby(sorted(lengths, reverse=True))]
    costs = []
    for bits in itertools.product([False, True], repeat=len(alike) - 1):
        cuts = [0, *(place + 1 for place, cut in enumerate(bits) if cut), len(alike)]
        batches = [list(itertools.chain(*alike[start:end])) for start, end in itertools.pairwise(cuts)]
        if all(max(batch) * len(batch) <= budget for batch in batches):
            costs.append(cost(batches))
    found = [[lengths[index] for index in batch] for batch in cheapest_batches(lengths, budget)]
    assert cost(found) <= min(costs, default=cost(found))


def test_inputs_of_many_lengths_are_not_padded_much():
    draw = np.random.default_rng(1)
    lengths = np.minimum(512, draw.lognormal(2.6, 0.7, 128).astype(int) + 3).tolist()

    def padded(batches):
        return sum(max(lengths[index] for index in batch) * len(batch) for batch in batches)

    assert padded(cheapest_batches(lengths, 2048)) < 1.2 * sum(lengths) < padded(budget_batches(lengths, 2048))
