"""Counts that describe a list of documents, as papers' tables of data sets do."""

from __future__ import annotations

import dataclasses
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from onoma.document import Document


@dataclass(frozen=True)
class Statistics:
    """Size of a list of documents.

    Args:
        documents: number of documents.
        with_entities: documents with a span.
        words: number of words.
        mean_words: of a document.
        median_words: of a document.
        labels: spans by label, the most frequent first.
    """

    documents: int
    with_entities: int
    words: int
    mean_words: float
    median_words: float
    labels: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return dataclasses.asdict(self)


def describe(documents: Iterable[Document]) -> Statistics:
    """Count documents, words and spans.

    Examples:
        >>> describe([Document("in Rome", (Span(3, 7, "LOC"),)), Document("no")]).labels  # doctest: +SKIP
        {'LOC': 1}
    """
    lengths: list[int] = []
    labels: Counter[str] = Counter()
    with_entities = 0
    for document in documents:
        lengths.append(len(document.words()))
        labels.update(span.label for span in document.spans)
        with_entities += bool(document.spans)
    return Statistics(
        documents=len(lengths),
        with_entities=with_entities,
        words=sum(lengths),
        mean_words=statistics.fmean(lengths) if lengths else 0.0,
        median_words=statistics.median(lengths) if lengths else 0.0,
        labels=dict(sorted(labels.items(), key=lambda item: (-item[1], item[0]))),
    )
