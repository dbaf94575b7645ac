import numpy as np
import pytest
from conftest import documents
from hypothesis import given
from hypothesis import strategies as st

from onoma.annotation.weak import (
    ABSTAINS,
    NOTHING,
    collect_votes,
    decide,
    fit_trust,
    join_answers,
    majority_vote,
    report_sources,
)
from onoma.document import Document, Span
from onoma.errors import DataError
from onoma.extractors.base import Extractor
from onoma.extractors.rules import RulesExtractor

LABELS = ("LOC", "PER")


def votes_of(*answers, known=None):
    named = {f"s{number}": documents for number, documents in enumerate(answers)}
    return collect_votes(named, known or dict.fromkeys(named, LABELS))


def test_a_source_is_silent_only_about_labels_that_it_knows():
    text = "Ann in Rome"
    people = Document(text, (Span(0, 3, "PER"),))
    places = Document(text, (Span(7, 11, "LOC"), Span(0, 3, "LOC")))
    votes = votes_of([people], [places], [Document(text)], known={"s0": ["PER"], "s1": ["LOC"], "s2": LABELS})
    assert votes.labels == ("LOC", "PER")
    assert votes.places == [(0, 0, 3), (0, 7, 11)]
    assert votes.answers.tolist() == [[2, 1, NOTHING], [ABSTAINS, 1, NOTHING]]
    assert majority_vote(votes).tolist() == [[1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0]]


def test_a_list_of_names_says_nothing_of_names_that_it_lacks():
    text = "Ann in Rome"
    found, listed = Document(text, (Span(0, 3, "PER"), Span(7, 11, "LOC"))), Document(text, (Span(7, 11, "LOC"),))
    answers, known = {"tagger": [found], "names": [listed]}, {"tagger": LABELS, "names": LABELS}
    assert collect_votes(answers, known).answers.tolist() == [[2, NOTHING], [1, 1]]
    votes = collect_votes(answers, known, lists=["names"])
    assert votes.answers.tolist() == [[2, ABSTAINS], [1, 1]]
    rules = RulesExtractor({"LOC": ["Rome"]})
    assert not rules.exhaustive
    joined, _ = join_answers({"a": [found], "b": [listed]}, {"a": Tagger(), "b": rules}, "majority")
    assert joined == [found]


class Tagger(Extractor):
    labels = LABELS

    def extract_block(self, documents):
        return list(documents)


def test_most_votes_win_and_a_tie_is_nothing():
    text = "Ann in Rome"
    both = Document(text, (Span(0, 3, "PER"), Span(7, 11, "LOC")))
    one = Document(text, (Span(0, 3, "PER"),))
    (found,) = decide(votes := votes_of([both], [one]), majority_vote(votes))
    assert found.spans == (Span(0, 3, "PER", 1.0),)


def test_of_overlapping_spans_the_surer_stays():
    text = "New York City"
    long, short = Document(text, (Span(0, 13, "LOC"),)), Document(text, (Span(0, 8, "LOC"),))
    votes = votes_of([long], [long], [short])
    (found,) = decide(votes, majority_vote(votes))
    assert [(span.start, span.end) for span in found.spans] == [(0, 13)]


def simulated(accuracy, count=3_000, seed=0):
    """Sources that are right with these chances about spans that are LOC, PER or nothing; and the truth."""
    generator = np.random.default_rng(seed)
    truth = generator.choice(3, count, p=[0.4, 0.4, 0.2])
    answers = []
    for chance in accuracy:
        said = np.where(generator.random(count) < chance, truth, generator.choice(3, count))
        answers.append([document(label) for label in said])
    return [document(label) for label in truth], answers


def document(answer):
    return Document("Ann", (Span(0, 3, LABELS[answer - 1]),) if answer else ())


def right(found, truth):
    """Share right, over the documents that are candidates."""
    pairs = zip(found, truth, strict=True)
    return np.mean([[span.label for span in mine.spans] == [span.label for span in gold.spans] for mine, gold in pairs])


def test_one_good_source_is_trusted_over_many_poor_ones():
    truth, answers = simulated([0.95, 0.4, 0.4, 0.4])
    votes = votes_of(*answers)
    trust = fit_trust(votes)
    by_trust = right(decide(votes, trust.posterior, floor=0), truth)
    by_count = right(decide(votes, majority_vote(votes), floor=0), truth)
    assert by_trust > by_count + 0.05
    report = report_sources(votes, trust, truth)
    for source in votes.sources:
        for label, estimated in report[source].estimated.items():
            assert estimated["precision"] == pytest.approx(report[source].true[label]["precision"], abs=0.06)
            assert estimated["recall"] == pytest.approx(report[source].true[label]["recall"], abs=0.06)
    assert report["s0"].spans.keys() == {"LOC", "PER"}


def test_reports_count_agreement():
    text = "Ann in New York"
    first = Document(text, (Span(0, 3, "PER"), Span(7, 15, "LOC")))
    second = Document(text, (Span(0, 3, "PER"), Span(11, 15, "LOC")))
    third = Document(text, (Span(0, 3, "LOC"),))
    votes = votes_of([first, Document("x")], [second, Document("x")], [third, Document("x")])
    report = report_sources(votes, fit_trust(votes))
    assert report["s0"].coverage == 0.5
    assert report["s0"].overlap == 0.5
    assert report["s0"].conflicts == 1.0
    assert report["s2"].conflicts == 1.0
    assert report["s2"].true == {}


@given(st.lists(documents(), min_size=1, max_size=3))
def test_a_single_source_is_believed(given_documents):
    # Spans of one document may overlap; votes about places keep the first label of each.
    apart = [
        document.with_spans([span for number, span in enumerate(document.spans) if not _crosses(document, number)])
        for document in given_documents
    ]
    labels = sorted({span.label for document in apart for span in document.spans}) or ["X"]
    votes = collect_votes({"only": apart}, {"only": labels})
    found = decide(votes, majority_vote(votes))
    assert [[(s.start, s.end, s.label) for s in d.spans] for d in found] == [
        [(s.start, s.end, s.label) for s in d.spans] for d in apart
    ]
    assert np.allclose(fit_trust(votes).posterior.sum(axis=1), 1)


def _crosses(document, number):
    span = document.spans[number]
    return any(other.start < span.end and span.start < other.end for other in document.spans[:number])


def test_different_texts_are_refused():
    with pytest.raises(DataError, match="'b' and 'a' did not label the same texts"):
        collect_votes({"a": [Document("x")], "b": [Document("y")]}, {"a": ["L"], "b": ["L"]})
    with pytest.raises(DataError, match="no labeller"):
        collect_votes({}, {})
