"""Entity-level scores: strict, boundary-only and type-only, with bootstrap intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onoma.document import Document
from onoma.evaluation.significance import pooled_interval


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1 with the counts they come from; 0 where a denominator is 0, as seqeval says.

    Args:
        correct: predicted spans that are right.
        predicted: predicted spans.
        support: gold spans.
    """

    correct: int
    predicted: int
    support: int

    @property
    def precision(self) -> float:
        """Share of predicted spans that are right."""
        return self.correct / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of gold spans that were found."""
        return self.correct / self.support if self.support else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.predicted + self.support
        return 2 * self.correct / total if total else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1, **asdict(self)}


@dataclass(frozen=True)
class Metrics:
    """Scores of one extractor on one set of documents.

    Args:
        documents: how many there were.
        micro: strict scores over all spans: offsets and label must both be right.
        macro_f1: unweighted mean of the labels' strict F1.
        labels: strict scores by label.
        interval: bootstrap 95 % interval of the strict micro F1, documents resampled.
        boundary_f1: F1 where only the offsets must be right (nervaluate's ``exact``).
        type_f1: F1 where the label must be right and the offsets overlap (nervaluate's ``ent_type``).
    """

    documents: int
    micro: Scores
    macro_f1: float
    labels: dict[str, Scores]
    interval: tuple[float, float]
    boundary_f1: float
    type_f1: float

    @property
    def f1(self) -> float:
        """Strict micro F1, the number to report."""
        return self.micro.f1

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "documents": self.documents,
            "micro": self.micro.to_dict(),
            "macro_f1": self.macro_f1,
            "labels": {label: scores.to_dict() for label, scores in self.labels.items()},
            "interval": list(self.interval),
            "boundary_f1": self.boundary_f1,
            "type_f1": self.type_f1,
        }


def score(gold: Sequence[Document], predicted: Sequence[Document], *, seed: int = 13) -> Metrics:
    """Compare predicted with gold spans.

    The strict scores are those of seqeval's strict mode (https://github.com/chakki-works/seqeval), counted on
    character offsets. A gold span that the prediction lost, for whatever reason, counts as missed.

    Args:
        gold: documents with gold spans.
        predicted: the same documents, in the same order, with predicted spans.
        seed: of the bootstrap.

    Raises:
        ValueError: if the two do not hold the same texts in the same order.

    Examples:
        >>> gold = [Document("Rome", (Span(0, 4, "LOC"),))]  # doctest: +SKIP
        >>> score(gold, gold).f1  # doctest: +SKIP
        1.0
    """
    counts = span_counts(gold, predicted)
    by_label: dict[str, Scores] = {}
    for label in sorted(
        {label for document in (*gold, *predicted) for label in {span.label for span in document.spans}}
    ):
        by_label[label] = Scores(*map(int, span_counts(gold, predicted, label).sum(axis=0)))
    boundary, kind = _lenient(gold, predicted, list(by_label))
    return Metrics(
        documents=len(gold),
        micro=Scores(*map(int, counts.sum(axis=0))),
        macro_f1=float(np.mean([scores.f1 for scores in by_label.values()])) if by_label else 0.0,
        labels=by_label,
        interval=pooled_interval(counts, seed=seed),
        boundary_f1=boundary,
        type_f1=kind,
    )


def span_counts(
    gold: Sequence[Document], predicted: Sequence[Document], label: str | None = None
) -> npt.NDArray[np.int64]:
    """Right, predicted and gold spans of each document, shape ``(documents, 3)``.

    Args:
        gold: documents with gold spans.
        predicted: the same documents with predicted spans.
        label: count this label only.

    Raises:
        ValueError: if the two do not hold the same texts in the same order.
    """
    counts = np.zeros((len(gold), 3), np.int64)
    for row, (truth, guess) in enumerate(zip(gold, predicted, strict=True)):
        if truth.text != guess.text:
            raise ValueError(f"document {row} of gold and prediction are different texts")
        right = Counter((span.start, span.end, span.label) for span in truth.spans if label in (None, span.label))
        found = Counter((span.start, span.end, span.label) for span in guess.spans if label in (None, span.label))
        counts[row] = ((right & found).total(), found.total(), right.total())
    return counts


def _lenient(gold: Sequence[Document], predicted: Sequence[Document], labels: list[str]) -> tuple[float, float]:
    """Boundary-only and type-only F1 by nervaluate (https://github.com/MantisAI/nervaluate)."""
    from nervaluate.entities import Entity
    from nervaluate.strategies import EntityTypeEvaluation, ExactEvaluation

    totals = {"exact": np.zeros(3), "type": np.zeros(3)}
    strategies = {"exact": ExactEvaluation(), "type": EntityTypeEvaluation()}
    for truth, guess in zip(gold, predicted, strict=True):
        if not truth.spans and not guess.spans:
            continue
        # nervaluate counts both ends as inside.
        right, found = (
            [Entity(label=span.label, start=span.start, end=span.end - 1) for span in document.spans]
            for document in (truth, guess)
        )
        for name, strategy in strategies.items():
            result, _ = strategy.evaluate(right, found, labels, 0)
            totals[name] += (result.correct, result.actual, result.possible)
    exact, kind = (
        float(2 * correct / (actual + possible)) if actual + possible else 0.0
        for correct, actual, possible in (totals["exact"], totals["type"])
    )
    return exact, kind
