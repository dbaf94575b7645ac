"""Run an extractor over gold documents and score it, on all of them and on those it cannot have learned by heart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from onoma.document import Document
from onoma.evaluation.metrics import Metrics, score
from onoma.extractors.base import Extractor


@dataclass(frozen=True)
class Evaluation:
    """Scores with what they were made from.

    Args:
        all: scores on every document.
        unseen: scores on the documents whose words are not a training sentence's, or None if training is not known.
        predicted: the documents with predicted spans, in order.
        seed: of the bootstrap.
    """

    all: Metrics
    unseen: Metrics | None
    predicted: list[Document]
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, without the documents."""
        return {
            "all": self.all.to_dict(),
            "unseen": self.unseen.to_dict() if self.unseen else None,
            "seed": self.seed,
        }


def sentence_key(document: Document) -> str:
    """What makes two sentences the same: their words."""
    return " ".join(document.word_texts())


def evaluate(
    extractor: Extractor,
    documents: Iterable[Document],
    *,
    seen: Collection[str] | None = None,
    seed: int = 13,
) -> Evaluation:
    """Score an extractor on gold documents.

    Args:
        extractor: any.
        documents: with gold spans.
        seen: :func:`sentence_key` of each training sentence, to score the others apart.
        seed: of the bootstrap.

    Examples:
        >>> evaluate(onoma.load("runs/assamese"), corpus["test"]).all.f1  # doctest: +SKIP
        0.79
    """
    gold = list(documents)
    predicted: Sequence[Document] = extractor.extract(gold)
    unseen = None
    if seen is not None:
        rows = [index for index, document in enumerate(gold) if sentence_key(document) not in seen]
        unseen = score([gold[row] for row in rows], [predicted[row] for row in rows], seed=seed)
    return Evaluation(score(gold, predicted, seed=seed), unseen, list(predicted), seed)
