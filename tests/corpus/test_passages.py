import pytest
from conftest import documents
from hypothesis import given
from hypothesis import strategies as st

from onoma.corpus.passages import Passage, join, joined
from onoma.document import Document, Span, from_words


@given(st.lists(documents(), min_size=1, max_size=8), st.integers(1, 30))
def test_nothing_is_lost_there_and_back(parts, words):
    passages = list(join(parts, words))
    assert [part for passage in passages for part in passage.parts] == parts
    for passage in passages:
        assert len(passage.parts) == 1 or sum(len(part.words()) for part in passage.parts) <= words
        whole = passage.document
        surfaces = [(part.surface(span), span.label) for part in passage.parts for span in part.spans]
        assert [(whole.surface(span), span.label) for span in whole.spans] == surfaces
        assert whole.word_texts() == [word for part in passage.parts for word in part.word_texts()]
        assert passage.split(whole) == list(passage.parts)


def test_a_passage_is_as_long_as_it_may_be():
    parts = [from_words(["a"] * size) for size in (3, 3, 9, 1, 1)]
    assert [len(passage.parts) for passage in join(parts, 6)] == [2, 1, 2]
    assert joined(parts, None) == parts
    assert [document.text for document in joined(parts, 6)][0] == "a a a\na a a"


@pytest.mark.parametrize(
    ("span", "left"),
    [((5, 9), [[(5, 8)], []]), ((5, 12), [[(5, 8)], [(0, 3)]]), ((0, 12), [[(0, 8)], [(0, 3)]]), ((8, 9), [[], []])],
)
def test_a_span_over_two_sentences_counts_in_each(span, left):
    passage = Passage((Document("Use Java", id="1"), Document("Rust too", id="2")))
    found = passage.split(passage.document.with_spans([Span(*span, "X", 0.5)]))
    assert [[(one.start, one.end) for one in part.spans] for part in found] == left
    assert [part.id for part in found] == ["1", "2"]
    assert all(one.score == 0.5 for part in found for one in part.spans)
