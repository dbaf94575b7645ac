import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import onoma
from onoma.corpus import load_corpus
from onoma.document import Document, Span
from onoma.evaluation.calibration import (
    calibrate,
    choose_thresholds,
    fit_temperature,
    measure_reliability,
    scored_spans,
)


def test_bins_are_of_equal_size_and_error_is_the_distance():
    scored = [(0.2, False)] * 10 + [(0.9, True)] * 9 + [(0.9, False)]
    found = measure_reliability(scored, bins=2)
    assert [(one.score, one.precision, one.spans) for one in found.bins] == [
        (pytest.approx(0.2), 0.0, 10),
        (pytest.approx(0.9), 0.9, 10),
    ]
    assert found.error == pytest.approx(0.1)
    assert measure_reliability([]).error == 0.0
    assert len(measure_reliability(scored[:3], bins=10).bins) == 3


def test_spans_are_right_by_offsets_and_label():
    gold = Document("Ann in Rome", (Span(0, 3, "PER"), Span(7, 11, "LOC")))
    answer = gold.with_spans([Span(0, 3, "PER", 0.5), Span(7, 10, "LOC", 0.7), Span(4, 6, "LOC")])
    assert scored_spans([gold], [answer]) == {"PER": [(0.5, True)], "LOC": [(1.0, False), (0.7, False)]}


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_tags_is_found(temperature):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(20_000, 3)) * 2
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    gold = (chances.cumsum(axis=1) > generator.random((20_000, 1))).argmax(axis=1)
    told = logits * temperature
    logs = told - np.logaddexp.reduce(told, axis=1, keepdims=True)
    assert fit_temperature(logs, gold) == pytest.approx(temperature, rel=0.05)


def test_words_that_cannot_have_their_tag_do_not_count():
    logs = np.log(np.array([[0.5, 0.5], [1.0, 1e-300]]))
    logs[1, 1] = -np.inf
    assert 0.25 <= fit_temperature(logs, np.array([0, 1])) <= 8
    assert fit_temperature(logs[1:], np.array([1])) == 1.0


def test_thresholds_are_the_lowest_that_do():
    spans = [(0.9, True), (0.8, True), (0.7, False), (0.6, True), (0.5, False)]
    chosen = choose_thresholds({"A": spans, "B": [(0.9, False)]}, 0.75)
    assert chosen["A"].score == pytest.approx(0.55)
    assert (chosen["A"].precision, chosen["A"].kept) == (0.75, 1.0)
    assert chosen["B"].score > 1
    assert choose_thresholds({"A": spans}, 0.9)["A"].score == pytest.approx(0.75)
    assert choose_thresholds({"A": spans}, 0.0)["A"].score == 0.0


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.booleans()), min_size=1), st.sampled_from([0.3, 0.8]))
def test_a_threshold_keeps_its_word(spans, wanted):
    chosen = choose_thresholds({"A": spans}, wanted)["A"]
    kept = [right for score, right in spans if score >= chosen.score]
    if chosen.score <= 1:
        assert sum(kept) / len(kept) == pytest.approx(chosen.precision)
        assert chosen.precision >= wanted
    else:
        assert not kept


def test_a_tagger_is_calibrated(tiny_run):
    extractor = onoma.load(tiny_run)
    gold = list(load_corpus("examples:as")["validation"])
    found = calibrate(extractor, gold, 0.5)
    assert 0.25 <= found.temperature <= 8
    warm = extractor.with_settings(temperature=found.temperature)
    plain, scaled = extractor.extract(gold), warm.extract(gold)
    assert [[(s.start, s.end, s.label) for s in d.spans] for d in plain] == [
        [(s.start, s.end, s.label) for s in d.spans] for d in scaled
    ]
    assert [s.score for d in plain for s in d.spans] != [s.score for d in scaled for s in d.spans]
    assert set(found.to_dict()) == {"temperature", "before", "after", "thresholds"}
