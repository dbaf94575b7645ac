import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onoma.corpus.split import split_groups

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def test_every_label_is_shared_out():
    draw = random.Random(1)
    features = [{draw.choices("abc", (90, 9, 1))[0], draw.choice("xy")} for _ in range(2000)]
    groups = [[row] for row in range(2000)]
    found = split_groups(groups, features, SHARES, seed=1)
    assert {name: len(rows) for name, rows in found.items()} == pytest.approx(
        {"train": 1600, "validation": 200, "test": 200}, abs=6
    )
    totals = Counter(feature for own in features for feature in own)
    for name, rows in found.items():
        counts = Counter(feature for row in rows for feature in features[row])
        for feature, total in totals.items():
            assert counts[feature] == pytest.approx(SHARES[name] * total, abs=4)
    assert split_groups(groups, features, SHARES, seed=1) == found
    assert split_groups(groups, features, SHARES, seed=2) != found


@given(st.lists(st.integers(1, 5), max_size=30), st.integers(0, 9))
def test_groups_stay_whole_and_nothing_is_lost(sizes, seed):
    groups, first = [], 0
    for size in sizes:
        groups.append(list(range(first, first + size)))
        first += size
    draw = random.Random(seed)
    features = [set(draw.sample("abcd", draw.randint(0, 2))) for _ in range(first)]
    found = split_groups(groups, features, SHARES, seed)
    assert sorted(row for rows in found.values() for row in rows) == list(range(first))
    where = {row: name for name, rows in found.items() for row in rows}
    assert all(len({where[row] for row in group}) == 1 for group in groups)
