import random

from conftest import documents
from hypothesis import given

from onoma.corpus.augment import collect_mentions, replace_mentions
from onoma.document import Document, Span
from onoma.tagging import spans_to_words


def test_names_are_collected_once_in_order():
    gold = [
        Document("Ann saw New York", (Span(0, 3, "PER"), Span(8, 16, "LOC"))),
        Document("Rome, New York", (Span(0, 4, "LOC"), Span(6, 14, "LOC"))),
    ]
    assert collect_mentions(gold) == {"PER": [("Ann",)], "LOC": [("New", "York"), ("Rome",)]}


def test_names_change_and_everything_else_stays():
    document = Document("Ann saw Rome, twice", (Span(0, 3, "PER"), Span(8, 12, "LOC")), id="7", language="en")
    made = replace_mentions(document, {"LOC": [("New", "York")]}, random.Random(1))
    assert made.text == "Ann saw New York , twice"
    assert [(made.surface(span), span.label) for span in made.spans] == [("Ann", "PER"), ("New York", "LOC")]
    assert (made.id, made.language) == ("7", "en")


@given(documents(on_words=True))
def test_labels_stay_in_order_and_names_are_known(document):
    mentions = {"PER": [("A", "b"), ("C",)], "LOC": [("D",)]}
    made = replace_mentions(document, mentions, random.Random(0))
    before = [span.label for span in spans_to_words(document).spans]
    assert [span.label for span in made.spans] == before
    for span in made.spans:
        if span.label in mentions:
            assert tuple(made.surface(span).split(" ")) in mentions[span.label]
