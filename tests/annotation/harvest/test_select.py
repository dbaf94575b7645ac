import pytest
from hypothesis import given
from hypothesis import strategies as st

from onoma.annotation.harvest.select import shares

LANGUAGES = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 500), min_size=1)


@pytest.mark.parametrize(
    ("have", "wanted", "temperature", "expected"),
    [
        ({"as": 100, "bn": 900}, 100, 1.0, {"as": 10, "bn": 90}),
        ({"as": 100, "bn": 900}, 100, float("inf"), {"as": 50, "bn": 50}),
        ({"as": 100, "bn": 900}, 100, 2.0, {"as": 25, "bn": 75}),
        ({"as": 10, "bn": 1000, "hi": 1000}, 410, float("inf"), {"as": 10, "bn": 200, "hi": 200}),
        ({"as": 3, "bn": 4}, 100, 1.0, {"as": 3, "bn": 4}),
        ({"as": 5, "bn": 5, "hi": 5}, 10, 1.0, {"as": 4, "bn": 3, "hi": 3}),
    ],
)
def test_shares(have, wanted, temperature, expected):
    assert shares(have, wanted, temperature) == expected


@given(LANGUAGES, st.integers(1, 3000), st.sampled_from([1.0, 3.0, float("inf")]))
def test_shares_add_up_and_none_is_more_than_there_is(have, wanted, temperature):
    found = shares(have, wanted, temperature)
    assert sum(found.values()) == min(wanted, sum(have.values()))
    assert all(0 <= found[name] <= have[name] for name in have)
