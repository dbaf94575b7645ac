from conftest import documents
from hypothesis import given
from hypothesis import strategies as st

from onoma.document import Document, Span
from onoma.evaluation.edits import Edit, apply_edits


def test_spans_keep_what_they_cover():
    document = Document("Ann saw New York.", (Span(0, 3, "PER"), Span(8, 16, "LOC")))
    made = apply_edits(document, [Edit(0, 0, ">"), Edit(3, 3, "!"), Edit(9, 10, "eeE"), Edit(11, 12, "")])
    assert made.text == ">Ann! saw NeeEwYork."
    assert [(made.surface(span), span.label) for span in made.spans] == [("Ann", "PER"), ("NeeEwYork", "LOC")]


def test_edits_over_a_spans_bound_or_over_each_other_are_left_out():
    document = Document("Ann saw", (Span(0, 3, "PER"),))
    assert apply_edits(document, [Edit(2, 5, "x"), Edit(4, 6, "y"), Edit(5, 7, "z")]).text == "Ann yw"
    whole = apply_edits(document, [Edit(0, 3, "Robert")])
    assert whole.surface(whole.spans[0]) == "Robert"


def test_tokens_are_split_joined_and_added():
    document = Document("ab cd ef", tokens=((0, 2), (3, 5), (6, 8)))
    made = apply_edits(document, [Edit(1, 1, " "), Edit(5, 6, ""), Edit(2, 2, ",")])
    assert made.text == "a b, cdef"
    assert made.word_texts() == ["a", "b", ",", "cdef"]
    close = Document("don't", tokens=((0, 3), (3, 5)))
    assert apply_edits(close, [Edit(4, 5, "T")]).word_texts() == ["don", "'T"], "they had no space to lose"


@given(documents(), st.data())
def test_what_no_edit_touches_stays_in_its_place(document, data):
    size = len(document.text)
    edits = []
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, size))
        edits.append(Edit(start, data.draw(st.integers(start, min(size, start + 3))), data.draw(st.text(max_size=3))))
    inside = [
        edit
        for edit in edits
        if not any(edit.start <= span.start < edit.end or edit.start < span.end <= edit.end for span in document.spans)
    ]
    made = apply_edits(document, [edit for edit in inside if edit.start < edit.end and edit.text])
    assert len(made.spans) == len(document.spans)
    for old, new in zip(document.spans, made.spans, strict=True):
        assert new.label == old.label
        if not any(edit.start < old.end and old.start < edit.end for edit in inside):
            assert made.surface(new) == document.surface(old)
    assert made.tokens is None or all(made.text[start:end].strip() for start, end in made.tokens)
