from conftest import documents
from hypothesis import given
from hypothesis import strategies as st

from onoma.document import Document, Span
from onoma.evaluation.errors import KINDS, Found, analyse, pair_spans

TEXT = "Ann Lee of New York City met IBM in May"
GOLD = Document(TEXT, (Span(0, 7, "PER"), Span(11, 24, "LOC"), Span(29, 32, "ORG"), Span(36, 39, "DATE")))


def kinds(*predicted):
    pairs = pair_spans(GOLD.spans, predicted)
    return [(pair.kind, pair.gold and GOLD.surface(pair.gold)) for pair in pairs]


def test_each_kind():
    assert kinds(Span(0, 7, "PER"), Span(11, 19, "LOC"), Span(25, 28, "ORG"), Span(29, 32, "LOC")) == [
        ("correct", "Ann Lee"),
        ("wrong boundary", "New York City"),
        ("spurious", None),
        ("wrong type", "IBM"),
        ("missed", "May"),
    ]
    assert ("both wrong", "New York City") in kinds(Span(15, 24, "ORG"))


def test_the_best_fit_is_the_partner():
    assert kinds(Span(11, 14, "LOC"), Span(15, 24, "LOC"), Span(11, 24, "ORG"))[1:4] == [
        ("wrong type", "New York City"),
        ("spurious", None),
        ("spurious", None),
    ]
    pairs = pair_spans(GOLD.spans, [Span(11, 14, "LOC"), Span(15, 24, "LOC")])
    assert [pair.predicted for pair in pairs if pair.kind == "wrong boundary"] == [Span(15, 24, "LOC")]


@given(documents(), st.data())
def test_every_span_is_in_one_pair(document, data):
    taken = data.draw(st.lists(st.sampled_from(document.spans), unique=True)) if document.spans else []
    pairs = pair_spans(document.spans, taken)
    assert sorted(pair.gold for pair in pairs if pair.gold) == sorted(document.spans)
    assert sorted(pair.predicted for pair in pairs if pair.predicted) == sorted(taken)
    assert all((pair.gold is None) == (pair.kind == "spurious") for pair in pairs)
    exact = pair_spans(document.spans, document.spans)
    assert [pair.kind for pair in exact] == ["correct"] * len(document.spans)


def test_counts_examples_and_slices():
    answer = GOLD.with_spans([Span(0, 7, "ORG"), Span(11, 24, "LOC"), Span(25, 28, "ORG")])
    found = analyse([GOLD], [answer], known=[[0, 3, 30, 1]])
    assert found.kinds == dict(zip(KINDS, [1, 1, 0, 0, 2, 1], strict=True))
    assert found.confusion == {"DATE": {"O": 1}, "LOC": {"LOC": 1}, "O": {"ORG": 1}, "ORG": {"O": 1}, "PER": {"ORG": 1}}
    assert found.by_label["PER"]["wrong type"] == 1
    assert ("IBM", 1, 1) in found.surfaces
    (example,) = found.examples["wrong type"]
    assert (example.before, example.text, example.after) == ("", "Ann Lee", " of New York City met IBM in May")
    assert (example.gold, example.predicted) == (("Ann Lee", "PER"), ("Ann Lee", "ORG"))
    assert found.slices["words"] == {"1": Found(0, 2), "2": Found(0, 1), "3": Found(1, 1)}
    assert found.slices["casing"] == {"title": Found(1, 3), "upper": Found(0, 1)}
    assert found.slices["times in training"] == {
        "0": Found(0, 1),
        "1": Found(0, 1),
        "2–4": Found(1, 1),
        "20+": Found(0, 1),
    }
    assert found.to_dict()["slices"]["casing"]["upper"] == {"correct": 0, "support": 1}
    assert "times in training" not in analyse([GOLD], [answer]).slices


def test_many_examples_are_thinned_out():
    gold = [Document(f"Ann{number}", (Span(0, 3, "PER"),)) for number in range(95)]
    missed = analyse(gold, [document.with_spans([]) for document in gold]).examples["missed"]
    assert len(missed) == 10
    assert missed[-1].after == "85"
