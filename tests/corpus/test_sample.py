import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onoma.corpus.sample import cap_labels, label_weights, oversample
from onoma.document import Document, Span


def named(label, number=0):
    return Document(f"a{number}", (Span(0, 1, label),))


def test_rare_labels_are_repeated_more():
    gold = [*(named("LOC", number) for number in range(100)), named("PER", 100), Document("none")]
    made = oversample(gold, 2.0, 0.5, random.Random(1))
    counts = Counter(span.label for document in made for span in document.spans)
    assert counts["LOC"] == 200
    assert counts["PER"] in {2, 3}, "2 × (1 + 0.5 × 0.99) = 2.99"
    assert sum(not document.spans for document in made) == 1
    assert list(dict.fromkeys(document.text for document in made)) == [document.text for document in gold]


def test_fractions_are_chances():
    gold = [named("LOC", number) for number in range(2_000)]
    assert len(oversample(gold, 1.5, 0.5, random.Random(1))) == pytest.approx(3_000, rel=0.03)
    assert oversample(gold, 1.0, 0.5, random.Random(1)) == gold
    assert oversample([], 2.0, 1.0, random.Random(1)) == []


@given(
    st.lists(st.lists(st.sampled_from("ABC"), max_size=3), max_size=30),
    st.sampled_from([1.0, 2.0, 10.0]),
)
def test_weights_keep_the_share_of_sentences_with_entities(rows, temperature):
    weights = label_weights(rows, temperature)
    assert [weight for weight, labels in zip(weights, rows, strict=True) if not labels] == [1.0] * rows.count([])
    labelled = [weight for weight, labels in zip(weights, rows, strict=True) if labels]
    assert sum(labelled) == pytest.approx(len(labelled))


def test_temperature_brings_labels_together():
    rows = [["A"]] * 90 + [["B"]] * 10
    assert label_weights(rows, 1.0) == [1.0] * 100
    flat = label_weights(rows, 1e9)
    assert sum(flat[90:]) == pytest.approx(50, rel=1e-3)
    between = label_weights(rows, 2.0)
    assert sum(between[90:]) == pytest.approx(25)


def test_no_label_gets_more_than_its_limit():
    both = Document("Ann Rome", (Span(0, 3, "PER"), Span(4, 8, "LOC")))
    wanted = [both, both, named("PER"), named("LOC"), named("ORG"), Document("x"), Document("y"), Document("z")]
    taken = cap_labels(wanted, {"PER": 2, "LOC": 2}, empty=2)
    assert [document.text for document in taken] == ["Ann Rome", "Ann Rome", "x", "y"]
    taken = cap_labels(wanted, {"PER": 3, "LOC": 1}, empty=0)
    assert [document.text for document in taken] == ["Ann Rome", "a0"]
