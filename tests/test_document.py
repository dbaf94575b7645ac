import pytest
from conftest import documents
from hypothesis import given

from onoma.document import Document, Span, from_words, iterate_surfaces
from onoma.errors import DataError


@pytest.mark.parametrize(("start", "end", "label"), [(-1, 2, "A"), (2, 2, "A"), (3, 2, "A"), (0, 1, "")])
def test_bad_spans_are_refused(start, end, label):
    with pytest.raises(DataError):
        Span(start, end, label)


def test_spans_are_sorted_and_must_lie_inside():
    document = Document("Rome and Bonn", (Span(9, 13, "LOC"), Span(0, 4, "LOC")))
    assert [document.surface(span) for span in document.spans] == ["Rome", "Bonn"]
    assert list(iterate_surfaces(document)) == [("Rome", "LOC"), ("Bonn", "LOC")]
    with pytest.raises(DataError, match="outside a text of 4 characters"):
        Document("Rome", (Span(0, 5, "LOC"),))


@pytest.mark.parametrize("tokens", [((0, 0),), ((0, 3), (2, 4)), ((0, 9),)])
def test_bad_tokens_are_refused(tokens):
    with pytest.raises(DataError, match="token"):
        Document("Rome", tokens=tokens)


def test_score_is_no_part_of_identity():
    assert Span(0, 1, "A", 0.5) == Span(0, 1, "A")
    assert len({Span(0, 1, "A", 0.5), Span(0, 1, "A", 0.7)}) == 1


@given(documents())
def test_dict_round_trip(document):
    again = Document.from_dict(document.to_dict())
    assert again == document
    assert [document.text[span.start : span.end] for span in again.spans] == [
        document.surface(s) for s in document.spans
    ]


def test_words_come_from_the_source_where_it_has_them():
    document = from_words(["New York", "!"], id="7")
    assert document.text == "New York !"
    assert document.word_texts() == ["New York", "!"]
    assert document.id == "7"
    assert Document("New York!").word_texts() == ["New", "York", "!"]
    with pytest.raises(DataError, match="word 2 is empty"):
        from_words(["a", ""])
