"""Cross-checked with seqeval and nervaluate on random tags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nervaluate import Evaluator
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2

from onoma.document import Document, Span, from_words
from onoma.evaluation.metrics import Scores, score, span_counts
from onoma.tagging import document_from_tags

LABELS = ("LOC", "PER")
TAGS = ["O", *(f"{prefix}-{label}" for label in LABELS for prefix in "BI")]
PAIRS = st.lists(
    st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=8), min_size=1, max_size=5
)


def legal(tags):
    """Tags with each I- that continues nothing made a B-."""
    fixed = []
    for tag in tags:
        alone = tag[0] == "I" and (not fixed or fixed[-1][2:] != tag[2:])
        fixed.append(f"B{tag[1:]}" if alone else tag)
    return fixed


def tagged(sentences):
    return [document_from_tags([f"w{number}" for number in range(len(tags))], tags)[0] for tags in sentences]


@given(PAIRS)
def test_strict_scores_are_seqevals(pairs):
    gold = [legal([first for first, _ in sentence]) for sentence in pairs]
    guess = [legal([second for _, second in sentence]) for sentence in pairs]
    ours = score(tagged(gold), tagged(guess))
    for average in ("micro", "macro"):
        precision, recall, f1, _ = precision_recall_fscore_support(
            gold, guess, average=average, scheme=IOB2, zero_division=0
        )
        if average == "micro":
            assert (ours.micro.precision, ours.micro.recall, ours.f1) == pytest.approx((precision, recall, f1))
        elif ours.labels:
            assert ours.macro_f1 == pytest.approx(f1)
    if ours.labels:
        *_, support = precision_recall_fscore_support(gold, guess, scheme=IOB2, zero_division=0)
        assert [scores.support for scores in ours.labels.values()] == list(support)


@given(PAIRS)
def test_lenient_scores_are_nervaluates(pairs):
    gold = [legal([first for first, _ in sentence]) for sentence in pairs]
    guess = [legal([second for _, second in sentence]) for sentence in pairs]
    ours = score(tagged(gold), tagged(guess))
    theirs = Evaluator(gold, guess, tags=list(LABELS), loader="list").evaluate()["overall"]
    assert ours.boundary_f1 == pytest.approx(theirs["exact"].f1)
    assert ours.type_f1 == pytest.approx(theirs["ent_type"].f1)


def test_lost_gold_counts_as_missed_and_doubles_count_once():
    gold = [Document("Rome Oslo", (Span(0, 4, "LOC"), Span(5, 9, "LOC"))), Document("Ann", (Span(0, 3, "PER"),))]
    found = score(gold, [gold[0].with_spans([Span(0, 4, "LOC", 0.9), Span(0, 4, "LOC", 0.8)]), gold[1].with_spans([])])
    assert (found.micro.correct, found.micro.predicted, found.micro.support) == (1, 2, 3)
    assert found.labels["PER"].recall == 0


def test_scores_without_denominator_are_zero():
    nothing = Scores(0, 0, 0)
    assert (nothing.precision, nothing.recall, nothing.f1) == (0, 0, 0)
    empty = score([], [])
    assert (empty.f1, empty.interval, empty.macro_f1, empty.labels) == (0, (0, 0), 0, {})


def test_documents_must_be_the_same():
    with pytest.raises(ValueError, match="document 0 .* different texts"):
        span_counts([Document("a")], [Document("b")])
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        span_counts([Document("a")], [])


def test_json_form():
    gold = [from_words(["Rome"]).with_spans([Span(0, 4, "LOC")])]
    content = score(gold, gold).to_dict()
    assert content["micro"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "correct": 1, "predicted": 1, "support": 1}
    assert content["interval"] == [1.0, 1.0]
    assert list(content["labels"]) == ["LOC"]
