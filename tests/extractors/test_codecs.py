import pytest
from conftest import documents
from hypothesis import assume, given
from hypothesis import strategies as st

from onoma.document import Document, Span
from onoma.errors import OnomaError
from onoma.extractors.codecs import CODECS, find_codec
from onoma.extractors.grounding import Mention, occurrences

TEXT = "Ann met Ann in Rome, not in Romeo."
GOLD = Document(TEXT, (Span(0, 3, "PER"), Span(8, 11, "PER"), Span(15, 19, "LOC")))


@pytest.mark.parametrize(
    ("name", "rendered"),
    [
        ("json-map", '{"Ann": "PER", "Rome": "LOC"}'),
        ("json-list", '[["Ann", "PER"], ["Ann", "PER"], ["Rome", "LOC"]]'),
        (
            "json-objects",
            '{"entities": [{"text": "Ann", "type": "PER"}, {"text": "Ann", "type": "PER"}, '
            '{"text": "Rome", "type": "LOC"}]}',
        ),
        ("inline", "[Ann|PER] met [Ann|PER] in [Rome|LOC], not in Romeo."),
    ],
)
def test_there_and_back(name, rendered):
    codec = find_codec(name)
    assert codec.render(GOLD) == rendered
    assert tuple(codec.decode(rendered, TEXT)) == GOLD.spans
    assert codec.expresses(GOLD)
    assert codec.parse(rendered).faults == []


@pytest.mark.parametrize("name", CODECS)
@given(document=documents(on_words=True))
def test_names_that_stand_once_come_back_as_they_were(name, document):
    spans = [
        span
        for number, span in enumerate(document.spans)
        if occurrences(document.surface(span), document.text) == [(span.start, span.end)]
        and not any(other.start < span.end and span.start < other.end for other in document.spans[:number])
    ]
    labels = {span.label for span in spans}
    assume(len({document.surface(span) for span in spans}) == len(spans))
    assume(all(label.strip() for label in labels))
    once = document.with_spans([Span(span.start, span.end, span.label) for span in spans])
    codec = find_codec(name)
    assert tuple(codec.decode(codec.render(once), once.text)) == once.spans
    assert codec.expresses(once)


@pytest.mark.parametrize("name", CODECS)
@given(answer=st.text(max_size=60) | st.text(alphabet='{}[]",:|\\ab ', max_size=40), text=st.text(max_size=40))
def test_no_answer_is_too_strange(name, answer, text):
    for span in find_codec(name).decode(answer, text):
        assert text[span.start : span.end]


def test_what_a_format_cannot_carry():
    some = Document("Ann met Ann", (Span(8, 11, "PER"),))
    assert not find_codec("json-map").expresses(some), "a map means every Ann"
    assert not find_codec("json-list").expresses(some), "a list means the first Ann"
    assert find_codec("inline").expresses(some)
    nested = Document("New York City", (Span(0, 8, "LOC"), Span(0, 13, "LOC")))
    assert not find_codec("inline").expresses(nested)
    assert find_codec("json-list").expresses(nested)


def test_a_map_gives_each_mention_its_own_type():
    document = Document("Jordan in Jordan", (Span(0, 6, "PER"), Span(10, 16, "LOC")))
    codec = find_codec("json-map")
    assert codec.render(document) == '{"Jordan": ["PER", "LOC"]}'
    assert codec.expresses(document)
    too_many = codec.place([Mention("Jordan", "PER")] * 3, document.text)
    assert [found.status for found in too_many] == ["exact", "exact", "unmatched"]


def test_signs_of_the_markup_are_escaped():
    document = Document("a [b|c] \\ d", (Span(2, 7, "X|Y"),))
    codec = find_codec("inline")
    assert codec.render(document) == r"a [\[b\|c\]|X\|Y] \\ d"
    assert codec.expresses(document)


@pytest.mark.parametrize(
    ("name", "answer", "mentions", "faults"),
    [
        ("json-map", 'Sure!\n```json\n{"Ann": "PER"}\n```', [("Ann", "PER")],
         ["text before the JSON", "text after the JSON"]),
        ("json-map", '{"Ann": "PER", "Rome": ["LO', [("Ann", "PER")], ["JSON that breaks off"]),
        ("json-map", '{"Ann": "PER", "Ann": "ORG", "x": 3}', [("Ann", "PER"), ("Ann", "ORG")],
         ["'x' has no type that is text"]),
        ("json-map", '[["Ann", "PER"]]', [], ["no JSON object"]),
        ("json-map", "none", [], ["no JSON", "no JSON object"]),
        ("json-list", '[["Ann", "PER"], ["Rome"], {"text": "Oslo", "type": "LOC"}]', [("Ann", "PER"), ("Oslo", "LOC")],
         ["not a pair of surface and type: ['Rome']"]),
        ("json-list", '[["Ann", "PER"], ["Rome", "LO', [("Ann", "PER")],
         ["JSON that breaks off", "not a pair of surface and type: ['Rome']"]),
        ("json-objects", '{"entities": [{"text": "Ann", "type": "PER"}, {"text": 1}', [("Ann", "PER")],
         ["JSON that breaks off", "not an object of text and type: [('text', 1)]"]),
        ("json-objects", '{"Ann": "PER"}', [], ["no list of entities"]),
        ("inline", "[Ann|PER] in [Rome", [("Ann", "PER")], ["brackets that do not close"]),
    ],
)  # fmt: skip
def test_faulty_answers_give_what_they_can(name, answer, mentions, faults):
    parsed = find_codec(name).parse(answer)
    assert [(mention.surface, mention.label) for mention in parsed.mentions] == mentions
    assert parsed.faults == faults


def test_inline_answers_that_change_the_text_are_found_by_order():
    assert find_codec("inline").decode("[Ann|PER] is in [Rome|LOC].", TEXT) == [Span(0, 3, "PER"), Span(15, 19, "LOC")]


def test_unknown_names_are_told():
    with pytest.raises(OnomaError, match="no codec 'json'. "):
        find_codec("json")
