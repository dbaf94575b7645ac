from hypothesis import given
from hypothesis import strategies as st

from onoma.extractors.batching import budget_batches


@given(st.lists(st.integers(1, 50), max_size=80), st.integers(1, 200))
def test_batches_hold_each_input_once_and_keep_the_budget(lengths, budget):
    batches = budget_batches(lengths, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[index] for index in batch) * len(batch) <= budget


def test_order_can_be_given():
    assert budget_batches([1, 1, 1], 2, order=[2, 0, 1]) == [[2, 0], [1]]
