from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from onoma.extractors.windows import plan_windows


@st.composite
def plans(draw):
    sizes = draw(st.lists(st.integers(0, 5), max_size=60))
    target = draw(st.integers(5, 20))
    overlap = draw(st.integers(0, target - 1))
    places = st.sets(st.integers(0, max(len(sizes) - 1, 0)))
    lines = sorted({0} | draw(places)) if sizes else []
    sentences = sorted({*lines} | draw(places)) if sizes else []
    return sizes, lines, sentences, target, overlap


@given(plans())
def test_every_word_is_kept_once_and_every_window_fits(plan):
    sizes, lines, sentences, target, overlap = plan
    windows = plan_windows(sizes, lines, sentences, target=target, overlap=overlap)
    kept = [word for window in windows for word in range(window.keep_first, window.keep_last)]
    assert kept == list(range(len(sizes)))
    for window in windows:
        assert window.first <= window.keep_first <= window.keep_last <= window.last
        assert sum(sizes[window.first : window.last]) <= target
    assert all(left.first < right.first for left, right in pairwise(windows))


@given(plans())
def test_short_lines_are_windows_by_themselves(plan):
    sizes, lines, sentences, target, overlap = plan
    windows = {(w.first, w.last) for w in plan_windows(sizes, lines, sentences, target=target, overlap=overlap)}
    for first, last in pairwise((*lines, len(sizes))):
        if sum(sizes[first:last]) <= target:
            assert (first, last) in windows


def test_words_are_kept_where_they_have_context_on_both_sides():
    windows = plan_windows([1] * 30, [0], [0], target=10, overlap=4)
    for left, right in pairwise(windows):
        assert left.last - left.keep_last == right.keep_first - right.first == 2


def test_windows_begin_with_a_sentence_where_one_begins_early_in_the_overlap():
    windows = plan_windows([1] * 20, [0], [0, 7], target=10, overlap=4)
    assert [(w.first, w.last) for w in windows][:2] == [(0, 10), (7, 17)]
