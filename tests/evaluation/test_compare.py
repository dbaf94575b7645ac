import json

import pytest

from onoma.corpus import save_corpus
from onoma.document import Document, Span
from onoma.errors import DataError
from onoma.evaluation.compare import compare, read_run

GOLD = [Document(f"Rome {number}", (Span(0, 4, "LOC"),), id=str(number)) for number in range(40)]


@pytest.fixture
def run(tmp_path):
    """Makes a run folder that found the first ``right`` names of its test set."""

    def make(name, right, *, seed=1, gold=GOLD, corpus="as", seen=10, seconds=4.0):
        folder = tmp_path / name
        predicted = []
        for number, document in enumerate(gold):
            meta = {"corpus": corpus, "gold": [[0, 4, "LOC"]], "seen": number < seen}
            spans = (Span(0, 4, "LOC", 0.9),) if number < right else ()
            predicted.append(Document(document.text, spans, meta=meta))
        save_corpus({"predictions": predicted}, folder / "predictions.parquet")
        stage = {"seconds": seconds, "trainable": 7, "bytes": 9_000_000}
        (folder / "metrics.json").write_text(json.dumps({"seed": seed, "score_on": "test", "stages": [stage, stage]}))
        (folder / "environment.json").write_text(json.dumps({"device": "a machine"}))
        log = [
            {"step": 1, "eval_f1": 0.1},
            {"step": 2, "loss": 1},
            {"step": 2, "eval_f1": 0.3},
            {"step": 2, "eval_f1": 0.4},
        ]
        (folder / "training_log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
        return read_run(folder)

    return make


def f1(right):
    return 2 * right / (right + 40)


def test_seeds_are_pooled_and_the_reference_is_tested_against(run):
    found = compare(
        {"a": [run("a1", 30, seed=1), run("a2", 34, seed=2)], "b": [run("b", 12)], "c": [run("c", 31)]}, reference="a"
    )
    a, b, c = found.systems
    assert a.full.mean == pytest.approx((f1(30) + f1(34)) / 2)
    assert a.full.sd == pytest.approx(abs(f1(34) - f1(30)) / 2**0.5)
    assert a.full.interval[0] < a.full.mean < a.full.interval[1]
    assert (a.p, a.p_holm, a.seeds) == (None, None, (1, 2))
    assert b.full.sd is None
    assert b.difference == pytest.approx(b.full.mean - a.full.mean)
    assert b.p < 0.001
    assert b.p_holm == pytest.approx(2 * b.p)
    assert c.p > 0.3
    assert a.unseen.documents == 30
    assert b.unseen.mean == pytest.approx(2 * 2 / 32)
    assert a.labels == {"LOC": a.full.mean}
    assert (a.seconds, a.last_seconds, a.trainable, a.bytes) == (8, 4, 7, 9_000_000)
    assert a.curve == [(1, 0.1), (2, 0.4)]
    assert found.machine == "a machine"
    assert json.dumps(found.to_dict())


def test_unseen_means_unseen_by_every_run(run):
    found = compare({"a": [run("a", 30, seen=10)], "b": [run("b", 30, seen=25)]})
    assert [line.unseen.documents for line in found.systems] == [15, 15]


def test_runs_that_cannot_be_compared(run, tmp_path):
    first = run("a", 3)
    with pytest.raises(DataError, match="b: tested on other documents of 'as'"):
        compare({"a": [first], "b": [run("b", 3, gold=GOLD[:39])]})
    with pytest.raises(DataError, match="not every run was tested on 'hi'. Known: as"):
        compare({"a": [first]}, corpus="hi")
    with pytest.raises(DataError, match="not every run was tested on ''"):
        compare({"a": [first], "c": [run("c", 3, corpus="hi")]})
    with pytest.raises(DataError, match="no system 'z'"):
        compare({"a": [first]}, reference="z")
    with pytest.raises(DataError, match="this is not a finished run"):
        read_run(tmp_path)
