"""How far two labellings of the same texts agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from onoma.document import Document
from onoma.evaluation.metrics import score
from onoma.tagging import spans_to_words


@dataclass(frozen=True)
class Agreement:
    """What two labellings of the same documents have in common.

    Args:
        documents: compared.
        f1: strict entity F1 of the second against the first.
        interval: of it, a bootstrap over documents at 95 %.
        kappa: Cohen's, over words and their labels, with "no entity" as a label; 1 where both say the same, 0 where
            they agree as chance would.
    """

    documents: int
    f1: float
    interval: tuple[float, float]
    kappa: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {"documents": self.documents, "f1": self.f1, "interval": list(self.interval), "kappa": self.kappa}


def measure_agreement(first: Sequence[Document], second: Sequence[Document], *, seed: int = 13) -> Agreement:
    """Compare two labellings; documents of a pair have the same text.

    Cohen's kappa is after https://doi.org/10.1177/001316446002000104.

    Examples:
        >>> measure_agreement(gold, labelled).kappa  # doctest: +SKIP
        0.83
    """
    metrics = score(first, second, seed=seed)
    pairs: Counter[tuple[str, str]] = Counter()
    for one, other in zip(first, second, strict=True):
        words = one.words()
        pairs.update(zip(_labels(one, words), _labels(other, words), strict=True))
    total = pairs.total()
    same = sum(count for (left, right), count in pairs.items() if left == right)
    lefts, rights = Counter[str](), Counter[str]()
    for (left, right), count in pairs.items():
        lefts[left] += count
        rights[right] += count
    chance = sum(lefts[label] * rights[label] for label in lefts) / total**2 if total else 1.0
    kappa = (same / total - chance) / (1 - chance) if chance < 1 else 1.0
    return Agreement(len(first), metrics.f1, metrics.interval, kappa)


def _labels(document: Document, words: Sequence[tuple[int, int]]) -> list[str]:
    labels = [""] * len(words)
    for span in spans_to_words(document, words).spans:
        labels[span.first : span.last] = [span.label] * (span.last - span.first)
    return labels
