from collections import Counter

import numpy as np
import pytest
from conftest import documents
from hypothesis import given
from hypothesis import strategies as st

from onoma.alignment import WordEncoder
from onoma.document import Document, Span
from onoma.extractors.tagger import TaggerSettings
from onoma.tagging import read_tags, spans_to_words
from onoma.training.features import IGNORED, EpochBatches, epoch_shares, make_features

SETTINGS = TaggerSettings(("LOC", "ORG", "PER", "creative-work"), max_pieces=96, window=80)


@pytest.fixture(scope="module")
def encoder(tiny_base):
    return WordEncoder.from_folder(tiny_base)


@given(document=documents(on_words=True))
def test_first_piece_targets_say_what_gold_says(encoder, document):
    features = make_features([document], encoder, SETTINGS, "first")
    pieces = encoder.encode(document.word_texts())
    labelled = [SETTINGS.tags.tags[target] for target in features.targets if target != IGNORED]
    assert len(labelled) == sum(map(bool, pieces))
    if all(pieces):
        assert read_tags(labelled) == (list(spans_to_words(document).spans), 0)
        assert features.lost == features.widened == 0


def test_all_pieces_of_a_word_get_its_tag(encoder):
    document = Document("internationalization গুৱাহাটী", (Span(0, 20, "LOC"),))
    features = make_features([document], encoder, SETTINGS, "all")
    first, second = map(len, encoder.encode(document.word_texts()))
    assert first > 1
    assert features.targets.tolist() == [IGNORED, *[1] * first, *[0] * second, IGNORED]


def test_long_documents_become_rows_with_nothing_cut(encoder):
    document = Document("গুৱাহাটী " * 500, (Span(8991 // 2 // 9 * 9, 8991 // 2 // 9 * 9 + 8, "LOC"),))
    features = make_features([document], encoder, SETTINGS, "first")
    assert len(features) > 5
    assert max(features.lengths) <= 96
    assert (features.targets != IGNORED).sum() == 500
    assert (features.targets == 1).sum() == 1
    ids, targets, _, _ = features[0]
    assert len(ids) == len(targets) == features.lengths[0]


def test_what_no_target_can_carry_is_counted(encoder):
    document = Document("ab cd", (Span(0, 5, "LOC"), Span(0, 2, "PER"), Span(2, 3, "ORG")))
    assert make_features([document], encoder, SETTINGS, "first").lost == 2
    assert make_features([Document("abcd", (Span(1, 3, "LOC"),))], encoder, SETTINGS, "first").widened == 1


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=60),
    st.integers(1, 3),
    st.integers(10, 200),
    st.integers(0, 9),
)
def test_an_epoch_holds_every_row_once_over_all_processes(lengths, world, budget, epoch):
    groups = [np.arange(len(lengths))]
    batches = []
    for rank in range(world):
        sampler = EpochBatches(
            np.array(lengths),
            groups,
            [len(lengths)],
            np.ones(len(lengths)),
            budget=budget,
            seed=3,
            rank=rank,
            world=world,
        )
        sampler.set_epoch(epoch)
        mine = list(sampler)
        assert len(mine) == len(sampler)
        batches.append(mine)
    assert len({len(mine) for mine in batches}) == 1
    rows = sorted(row for mine in batches for batch in mine for row in batch)
    if len(lengths) >= world:
        assert rows == list(range(len(lengths)))
    else:
        assert set(rows) <= set(range(len(lengths)))


def test_epochs_differ_and_repeat_by_seed():
    def epochs(seed):
        sampler = EpochBatches(np.arange(1, 41), [np.arange(40)], [40], np.ones(40), budget=80, seed=seed)
        plans = []
        for epoch in range(2):
            sampler.set_epoch(epoch)
            plans.append(list(sampler))
        return plans

    assert epochs(1) == epochs(1)
    assert epochs(1)[0] != epochs(1)[1]
    assert epochs(1) != epochs(2)


def test_shares_sample_and_repeat():
    sampler = EpochBatches(np.ones(6, int), [np.arange(4), np.arange(4, 6)], [2, 5], np.ones(6), budget=100, seed=0)
    (batch,) = sampler
    assert sum(row < 4 for row in batch) == 2
    assert [batch.count(4), batch.count(5)] in ([2, 3], [3, 2])


def test_words_weigh_what_their_span_scores(encoder):
    document = Document("Ann saw New York", (Span(0, 3, "PER"), Span(8, 16, "LOC", 0.25)))
    features = make_features([document], encoder, SETTINGS, "first")
    row = features[0]
    labelled = row.targets != IGNORED
    assert row.weights[labelled].tolist() == [1.0, 1.0, 0.25, 0.25]
    assert features.entities == ((2, 0),), "PER and LOC, by their place in the label set"
    sure = make_features([Document("Ann", (Span(0, 3, "PER"),))], encoder, SETTINGS, "all")
    assert set(sure.weights.tolist()) == {1.0}


def test_rows_are_drawn_as_often_as_they_weigh():
    weights = np.array([1.0, 1.0, 4.0, 0.5, 1.5])
    sampler = EpochBatches(np.ones(5, int), [np.arange(5)], [8], weights, budget=100, seed=0)
    drawn = Counter()
    for epoch in range(100):
        sampler.set_epoch(epoch)
        drawn.update(row for batch in sampler for row in batch)
    assert (drawn[0], drawn[1], drawn[2]) == (100, 100, 400), "whole weights leave nothing to chance"
    assert 30 < drawn[3] < 70
    assert 130 < drawn[4] < 170


def test_epoch_shares():
    assert epoch_shares([900, 100], [1, 1], temperature=1) == [900, 100]
    assert epoch_shares([900, 100], [1, 1], temperature=1e9) == [500, 500]
    assert epoch_shares([10, 10], [3, 1], temperature=1) == [15, 5]
    assert sum(epoch_shares([7, 5, 3], [1, 2, 0.3], temperature=3)) == 15
