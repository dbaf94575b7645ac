"""Weak supervision: several labellers that err in their own ways, and one answer with a probability for each span.

A candidate is a stretch of text that at least one labeller (any extractor) calls an entity. On each candidate a
labeller says a label, says "no entity" by its silence, or abstains: where it does not know any of the labels in
question, or where it is a list of names or patterns, whose silence says nothing. Majority vote counts these answers;
the model of Dawid and Skene (1979, https://doi.org/10.2307/2346806) also learns from their agreement alone how far
each labeller can be trusted with each label.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from onoma.document import Document, Span
from onoma.errors import DataError
from onoma.extractors.base import Extractor

ABSTAINS = -1
NOTHING = 0
"""Answers that are no label; a label's answer is its number plus one."""

_ITERATIONS = 200
_CONVERGED = 1e-6
_TRUST = 4.0
"""Made-up answers that a labeller is right, of each class, before any is seen; one that it is wrong in each way."""

Vote = Literal["trust", "majority"]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Votes:
    """What labellers say of each candidate.

    Args:
        documents: the texts, without spans.
        labels: all labels, sorted.
        sources: names of the labellers.
        places: ``(document, start, end)`` of each candidate, in order.
        answers: shape (candidates, sources): :data:`ABSTAINS`, :data:`NOTHING`, or a label's number plus one.
    """

    documents: Sequence[Document]
    labels: tuple[str, ...]
    sources: tuple[str, ...]
    places: Sequence[tuple[int, int, int]]
    answers: npt.NDArray[np.int64]


def collect_votes(
    answers: Mapping[str, Sequence[Document]], known: Mapping[str, Sequence[str]], lists: Collection[str] = ()
) -> Votes:
    """Put the answers of labellers on the same texts beside each other.

    Args:
        answers: labelled documents by labeller, all in the same order.
        known: the labels that each labeller can give.
        lists: labellers that are not :attr:`onoma.extractors.base.Extractor.exhaustive`.

    Raises:
        DataError: if there is no labeller, or two did not label the same texts.
    """
    sources = tuple(answers)
    if not sources:
        raise DataError("no labeller")
    texts = [document.with_spans([]) for document in answers[sources[0]]]
    for source, documents in answers.items():
        if [document.text for document in documents] != [document.text for document in texts]:
            raise DataError(f"{source!r} and {sources[0]!r} did not label the same texts in the same order")
    labels = tuple(sorted({label for names in known.values() for label in names}))
    number = {label: position + 1 for position, label in enumerate(labels)}
    said: dict[tuple[int, int, int], dict[int, int]] = {}
    for column, source in enumerate(sources):
        for row, document in enumerate(answers[source]):
            for span in document.spans:
                said.setdefault((row, span.start, span.end), {})[column] = number[span.label]
    places = sorted(said)
    denies = [set() if source in lists else {number[label] for label in known[source]} for source in sources]
    table = np.full((len(places), len(sources)), ABSTAINS, dtype=np.int64)
    for item, place in enumerate(places):
        asked = set(said[place].values())
        for column in range(len(sources)):
            table[item, column] = said[place].get(column, NOTHING if denies[column] & asked else ABSTAINS)
    return Votes(texts, labels, sources, places, table)


def majority_vote(votes: Votes) -> Floats:
    """Share of the answers to each candidate that each class gets; shape (candidates, 1 + labels)."""
    counts = np.stack([(votes.answers == answer).sum(axis=1) for answer in range(len(votes.labels) + 1)], axis=1)
    shares: Floats = counts / counts.sum(axis=1, keepdims=True)
    return shares


@dataclass(frozen=True)
class Trust:
    """The model of Dawid and Skene, fitted.

    Args:
        posterior: probability of each class for each candidate; shape (candidates, 1 + labels), class 0 is none.
        prior: of the classes.
        confusion: probability of each answer of a source given the class; shape (sources, 1 + labels, 1 + labels).
    """

    posterior: Floats
    prior: Floats
    confusion: Floats

    def precision(self, source: int, label: int) -> float:
        """Estimated chance that this label (number plus one) of this source is right."""
        joint = self.prior * self.confusion[source, :, label]
        return float(joint[label] / joint.sum())

    def recall(self, source: int, label: int) -> float:
        """Estimated chance that the source gives this label (number plus one) to a candidate that has it."""
        return float(self.confusion[source, label, label])


def fit_trust(votes: Votes) -> Trust:
    """Estimate by expectation maximisation how reliable each source is with each label, without any gold label.

    It starts from the majority vote, and a prior of a few made-up answers keeps rare labels from running away.
    """
    classes = len(votes.labels) + 1
    given = votes.answers[:, :, None] == np.arange(classes)  # (candidates, sources, answers)
    pseudo = np.ones((classes, classes)) + (_TRUST - 1) * np.eye(classes)
    posterior = majority_vote(votes)
    prior = confusion = np.empty(0)
    for _ in range(_ITERATIONS):
        prior = posterior.sum(axis=0) + 1
        prior /= prior.sum()
        confusion = np.einsum("ny,nsa->sya", posterior, given) + pseudo
        confusion /= confusion.sum(axis=2, keepdims=True)
        logs = np.log(prior) + np.einsum("nsa,sya->ny", given, np.log(confusion))
        updated = np.exp(logs - logs.max(axis=1, keepdims=True))
        updated /= updated.sum(axis=1, keepdims=True)
        moved = np.abs(updated - posterior).max(initial=0.0)
        posterior = updated
        if moved < _CONVERGED:
            break
    return Trust(posterior, prior, confusion)


def decide(votes: Votes, probabilities: Floats, floor: float = 0.5) -> list[Document]:
    """The documents with the spans that are at least this probable, the most probable first where they overlap.

    Args:
        votes: of :func:`collect_votes`.
        probabilities: of :func:`majority_vote`, or the posterior of :func:`fit_trust`.
        floor: least probability of a label; ties with "no entity" are none.
    """
    best = probabilities[:, 1:].argmax(axis=1) + 1
    sure = probabilities[np.arange(len(best)), best]
    chosen: dict[int, list[Span]] = {}
    for item in np.argsort(-sure, kind="stable"):
        if sure[item] < floor or sure[item] <= probabilities[item, NOTHING]:
            continue
        row, start, end = votes.places[item]
        spans = chosen.setdefault(row, [])
        if all(end <= span.start or span.end <= start for span in spans):
            spans.append(Span(start, end, votes.labels[best[item] - 1], round(float(sure[item]), 6)))
    return [document.with_spans(sorted(chosen.get(row, []))) for row, document in enumerate(votes.documents)]


@dataclass(frozen=True)
class SourceReport:
    """How a labeller did on unlabelled text, and on gold where there is some.

    Args:
        coverage: share of documents in which it finds anything.
        overlap: share of its spans that another labeller finds too, with whatever label.
        conflicts: share of its spans that another labeller gives another label, or other bounds.
        spans: its spans by label.
        estimated: by label, the precision and recall that the model believes.
        true: by label, precision and recall on gold; recall is over the candidates, as in ``estimated``.
    """

    coverage: float
    overlap: float
    conflicts: float
    spans: dict[str, int]
    estimated: dict[str, dict[str, float]]
    true: dict[str, dict[str, float]]


def report_sources(votes: Votes, trust: Trust, gold: Sequence[Document] | None = None) -> dict[str, SourceReport]:
    """Describe each labeller.

    Args:
        votes: of :func:`collect_votes`.
        trust: of :func:`fit_trust` on these votes.
        gold: the same documents with gold spans, if there are any.
    """
    number = {label: position + 1 for position, label in enumerate(votes.labels)}
    truth = np.full(len(votes.places), NOTHING)
    if gold is not None:
        right = {
            (row, span.start, span.end): number.get(span.label, NOTHING)
            for row, document in enumerate(gold)
            for span in document.spans
        }
        truth = np.array([right.get(place, NOTHING) for place in votes.places], dtype=np.int64)
    crossed = _crossed(votes)
    reports = {}
    for column, source in enumerate(votes.sources):
        mine = votes.answers[:, column]
        said = mine > NOTHING
        others = np.delete(votes.answers, column, axis=1)
        agreed = said & (others > NOTHING).any(axis=1)
        differs = said & (((others > NOTHING) & (others != mine[:, None])).any(axis=1) | crossed[:, column])
        count = max(1, int(said.sum()))
        found = [label for label in votes.labels if (mine == number[label]).any()]
        reports[source] = SourceReport(
            coverage=len({votes.places[item][0] for item in np.flatnonzero(said).tolist()})
            / max(1, len(votes.documents)),
            overlap=float(agreed.sum() / count),
            conflicts=float(differs.sum() / count),
            spans={label: int((mine == number[label]).sum()) for label in found},
            estimated={
                label: {
                    "precision": trust.precision(column, number[label]),
                    "recall": trust.recall(column, number[label]),
                }
                for label in found
            },
            true={} if gold is None else {label: _accuracy(mine, truth, number[label]) for label in found},
        )
    return reports


def join_answers(
    answers: Mapping[str, Sequence[Document]], labellers: Mapping[str, Extractor], vote: Vote
) -> tuple[list[Document], dict[str, SourceReport]]:
    """What labellers say together: one is believed, several vote.

    Args:
        answers: labelled documents by labeller, all in the same order.
        labellers: that gave them.
        vote: how several agree.

    Returns:
        The labelled documents, and where several voted how each labeller did.
    """
    if len(answers) == 1:
        (labelled,) = answers.values()
        return list(labelled), {}
    known = {name: labeller.labels for name, labeller in labellers.items()}
    votes = collect_votes(answers, known, [name for name, labeller in labellers.items() if not labeller.exhaustive])
    trust = fit_trust(votes)
    labelled = decide(votes, trust.posterior if vote == "trust" else majority_vote(votes))
    return list(labelled), report_sources(votes, trust)


def _crossed(votes: Votes) -> npt.NDArray[np.bool_]:
    """Whether a candidate overlaps another one that another source says; shape (candidates, sources)."""
    crossed = np.zeros(votes.answers.shape, dtype=bool)
    said = votes.answers > NOTHING
    for item, (row, _, end) in enumerate(votes.places):
        for other in range(item + 1, len(votes.places)):
            if votes.places[other][0] != row or votes.places[other][1] >= end:
                break
            crossed[item] |= said[item] & _by_others(said[other])
            crossed[other] |= said[other] & _by_others(said[item])
    return crossed


def _by_others(said: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """For each source, whether any other one says it."""
    others: npt.NDArray[np.bool_] = said.sum() - said > 0
    return others


def _accuracy(mine: npt.NDArray[np.int64], truth: npt.NDArray[np.int64], answer: int) -> dict[str, float]:
    right = int(((mine == answer) & (truth == answer)).sum())
    asked = int(((mine != ABSTAINS) & (truth == answer)).sum())
    return {"precision": right / int((mine == answer).sum()), "recall": right / asked if asked else 0.0}
