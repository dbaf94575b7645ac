import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onoma.extractors.decoding import TagSet, legal_paths, spans_of_path

TAGS = TagSet(("LOC", "PER"))


def test_tags_and_forbidden_pairs():
    assert TAGS.tags == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert TAGS.begin("PER") == 3
    forbidden = {(TAGS.tags[a], TAGS.tags[b]) for a, b in zip(*np.nonzero(TAGS.forbidden), strict=True)}
    expected = {(a, b) for a in TAGS.tags for b in TAGS.tags if b[0] == "I" and a[2:] != b[2:]}
    assert forbidden == expected


@given(st.lists(st.integers(0, 5), max_size=4), st.integers(0, 2**32 - 1))
def test_paths_are_the_best_of_all_legal_ones(lengths, seed):
    generator = np.random.default_rng(seed)
    scores = [np.log(generator.dirichlet(np.ones(5), length)).reshape(-1, 5) for length in lengths]
    for sentence, path in zip(scores, legal_paths(scores, TAGS), strict=True):
        legal = [
            steps
            for steps in itertools.product(range(5), repeat=len(sentence))
            if not any(TAGS.forbidden[a, b] for a, b in itertools.pairwise((0, *steps)))
        ]
        best = max(legal, key=lambda steps: sum(sentence[i, step] for i, step in enumerate(steps)))
        assert tuple(path) == best


def test_spans_have_geometric_mean_scores_and_thresholds():
    probabilities = np.full((4, 5), 0.05)
    path = np.array([1, 2, 1, 0])
    probabilities[np.arange(4), path] = [0.8, 0.2, 0.6, 0.9]
    found = spans_of_path(path, np.log(probabilities), TAGS)
    assert [(span.first, span.last, span.label) for span in found] == [(0, 2, "LOC"), (2, 3, "LOC")]
    assert [span.score for span in found] == pytest.approx([0.4, 0.6])
    assert len(spans_of_path(path, np.log(probabilities), TAGS, {"LOC": 0.5})) == 1
    assert spans_of_path(np.zeros(0, int), np.zeros((0, 5)), TAGS) == []
