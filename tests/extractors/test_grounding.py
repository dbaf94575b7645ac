import pytest
from hypothesis import given
from hypothesis import strategies as st

from onoma.document import Span
from onoma.extractors.grounding import STATUSES, Mention, ground


def statuses(text, *surfaces):
    found = ground([Mention(surface, "X") for surface in surfaces], text)
    return [(one.status, one.span and text[one.span.start : one.span.end]) for one in found]


@pytest.mark.parametrize(
    ("text", "surface", "status", "found"),
    [
        ("in Rome", "Rome", "exact", "Rome"),
        ("in ROME", "Rome", "normalised", "ROME"),
        ("New\n  York", "New York", "normalised", "New\n  York"),
        ("cafe\u0301", "café", "normalised", "cafe\u0301"),
        ("অসমীয়া ভাষা", "অসমীয়\u09be", "exact", "অসমীয়া"),
        ("in Guwahaty now", "Guwahati", "fuzzy", "Guwahaty"),
        ("Romeo", "Rome", "unmatched", None),
        ("Rome and Rome", "Rome", "ambiguous", "Rome"),
        ("ROME and rome", "Rome", "ambiguous", "ROME"),
        ("Oslo", "Rome", "unmatched", None),
        ("Oslo", "", "unmatched", None),
    ],
)
def test_each_status(text, surface, status, found):
    assert statuses(text, surface) == [(status, found)]


def test_few_wrong_letters_are_forgiven_in_long_names_alone():
    assert statuses("in Guwahaty now", "Guwahati") == [("fuzzy", "Guwahaty")]
    assert statuses("in Romo now", "Rome") == [("unmatched", None)]


def test_mentions_are_placed_by_order_and_none_twice():
    text = "Ann, Bob and Ann"
    found = ground([Mention("Bob", "PER"), Mention("Ann", "PER", 0.5), Mention("Ann", "PER")], text)
    assert [one.span for one in found] == [Span(5, 8, "PER"), Span(13, 16, "PER"), Span(0, 3, "PER")]
    assert found[1].span.score == 0.5
    assert statuses(text, "Ann", "Ann", "Ann") == [("exact", "Ann"), ("exact", "Ann"), ("unmatched", None)]


@given(st.text(max_size=30), st.lists(st.text(max_size=8), max_size=4))
def test_whatever_is_found_stands_in_the_text(text, surfaces):
    for found in ground([Mention(surface, "X") for surface in surfaces], text):
        assert found.status in STATUSES
        assert (found.span is None) == (found.status == "unmatched")
        if found.status == "exact":
            assert text[found.span.start : found.span.end] == found.mention.surface
