import pytest
from conftest import documents
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, Entities

from onoma.document import Document, Span
from onoma.errors import DataError
from onoma.tagging import (
    SCHEMES,
    WordSpan,
    detect_scheme,
    document_from_tags,
    read_tags,
    spans_from_words,
    spans_to_words,
    split_tag,
    write_tags,
)


@st.composite
def word_spans(draw, length=12):
    cuts = sorted(draw(st.sets(st.integers(0, length), max_size=8)))
    labels = st.sampled_from(["PER", "LOC", "a-b"])
    return [WordSpan(a, b, draw(labels)) for a, b in zip(cuts[::2], cuts[1::2], strict=False)], length


@given(word_spans(), st.sampled_from([scheme for scheme in SCHEMES if scheme != "IO"]))
def test_round_trip_in_every_scheme(spans, scheme):
    spans, length = spans
    assert read_tags(write_tags(spans, length, scheme), scheme) == (spans, 0)


@given(word_spans())
def test_io_keeps_the_words_of_each_label(spans):
    spans, length = spans
    again, _ = read_tags(write_tags(spans, length, "IO"), "IO")

    def labelled(items):
        return {(index, item.label) for item in items for index in range(item.first, item.last)}

    assert labelled(again) == labelled(spans)


@given(word_spans(), st.sampled_from(["IOB1", "IOB2", "BIOES", "BILOU"]))
def test_seqeval_reads_our_tags_alike(spans, scheme):
    spans, length = spans
    theirs = {"IOB1": IOB1, "IOB2": IOB2, "BIOES": IOBES, "BILOU": BILOU}[scheme]
    found = Entities([write_tags(spans, length, scheme)], theirs).entities[0]
    assert [(entity.start, entity.end, entity.tag) for entity in found] == [(s.first, s.last, s.label) for s in spans]


@given(st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"]), max_size=12))
def test_faulty_iob2_is_mended_as_seqevals_lenient_mode_reads_it(tags):
    spans, mended = read_tags(tags, "IOB2")
    assert [(s.label, s.first, s.last - 1) for s in spans] == get_entities(tags)
    orphans = sum(
        tag.startswith("I-") and (index == 0 or tags[index - 1][1:] != tag[1:]) for index, tag in enumerate(tags)
    )
    assert mended == orphans


@pytest.mark.parametrize(
    ("sequences", "scheme"),
    [
        ([["I-PER", "I-PER", "O", "I-LOC", "B-LOC"]], "IOB1"),
        ([["B-PER", "I-PER"]], "IOB2"),
        ([["B-PER", "O", "I-LOC"]], "IOB2"),
        ([["I-PER", "O"]], "IO"),
        ([["O"]], "IOB2"),
        ([["S-PER"], ["B-LOC", "E-LOC"]], "BIOES"),
        ([["U-PER"], ["B-LOC", "L-LOC"]], "BILOU"),
        ([["nonsense", "B-PER"]], "IOB2"),
    ],
)
def test_scheme_is_detected(sequences, scheme):
    assert detect_scheme(sequences) == scheme


@given(st.lists(word_spans(), min_size=1), st.sampled_from(["BIOES", "BILOU"]))
def test_detected_scheme_reads_what_was_written(items, scheme):
    sequences = [write_tags(spans, length, scheme) for spans, length in items]
    found = detect_scheme(sequences)
    assert [read_tags(tags, found) for tags in sequences] == [(spans, 0) for spans, _ in items]


def test_faults_of_bioes_are_counted():
    assert read_tags(["B-A", "O", "E-A"], "BIOES") == ([WordSpan(0, 1, "A"), WordSpan(2, 3, "A")], 2)
    assert read_tags(["B-A"], "BILOU") == ([WordSpan(0, 1, "A")], 1)


def test_mixed_and_unknown_tags_are_refused():
    with pytest.raises(DataError, match="mix BIOES and BILOU"):
        detect_scheme([["S-A"], ["U-B"]])
    with pytest.raises(DataError, match="does not belong to the scheme IOB2"):
        read_tags(["S-A"], "IOB2")
    for tag in ("X-PER", "B_PER", "B-", "", "PER"):
        with pytest.raises(DataError, match="unknown tag"):
            split_tag(tag)
    with pytest.raises(DataError, match="overlap"):
        write_tags([WordSpan(0, 2, "A"), WordSpan(1, 3, "B")], 3)


def test_document_from_tags():
    document, mended = document_from_tags(["New", "York", "!"], ["I-LOC", "I-LOC", "O"])
    assert document.spans == (Span(0, 8, "LOC"),)
    assert mended == 1
    with pytest.raises(DataError, match="2 words but 1 tags"):
        document_from_tags(["a", "b"], ["O"])


@given(documents(on_words=True))
def test_spans_on_words_survive_the_word_view(document):
    view = spans_to_words(document)
    assert tuple(spans_from_words(view.spans, document.words())) == document.spans
    assert not view.widened
    assert not view.overlapping
    assert not view.empty


@given(documents())
def test_word_view_accounts_for_every_span(document):
    view = spans_to_words(document)
    assert len(view.spans) + len(view.overlapping) + len(view.empty) == len(document.spans)
    write_tags(view.spans, len(document.words()))


def test_word_view_prefers_the_longer_of_two():
    document = Document("New York City", (Span(0, 3, "A"), Span(0, 13, "B"), Span(4, 6, "C")))
    view = spans_to_words(document)
    assert view.spans == (WordSpan(0, 3, "B"),)
    assert len(view.overlapping) == 2
    inside = spans_to_words(Document("Newish", (Span(0, 3, "A"),)))
    assert inside.spans == (WordSpan(0, 1, "A"),)
    assert len(inside.widened) == 1
