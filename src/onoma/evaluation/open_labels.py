"""Scores for open label sets, where the same thing can be named in more than one way."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from onoma.corpus.relabel import LabelMap
from onoma.document import Document
from onoma.evaluation.metrics import span_counts
from onoma.models.embedding import Embed, query

Likeness = Callable[[str, str], float]
"""How like two names of types are: 1 for the same, 0 for any two."""


def rename(documents: Sequence[Document], names: LabelMap) -> list[Document]:
    """Documents with their labels put under a map; unlike :meth:`LabelMap.apply`, names that it lacks stay.

    Examples:
        >>> rename(predicted, LabelMap({"company": "ORG", "firm": "ORG"}))  # doctest: +SKIP
    """
    known = {span.label: span.label for document in documents for span in document.spans}
    whole = LabelMap({**known, **names.target}, names.dropped, names.where)
    return [whole.apply(document) for document in documents]


def likeness_of(labels: Sequence[str], gold: Sequence[str], embed: Embed) -> Likeness:
    """How like names are by the cosine of their vectors, 0 where it is that of different gold labels on the average.

    Encoders give any two words a high cosine; the baseline is taken off as BERTScore does
    (https://arxiv.org/abs/1904.09675, section 3).

    Args:
        labels: all names that will be compared.
        gold: the gold labels; of one alone, nothing is taken off.
        embed: an encoder.
    """
    names = sorted({*labels, *gold})
    vectors = dict(zip(names, embed([query(name) for name in names]), strict=True))
    pairs = [float(vectors[one] @ vectors[other]) for one, other in itertools.combinations(sorted(set(gold)), 2)]
    base = min(float(np.mean(pairs)), 0.999) if pairs else 0.0

    def like(one: str, other: str) -> float:
        if one == other:
            return 1.0
        return min(1.0, max(0.0, (float(vectors[one] @ vectors[other]) - base) / (1 - base)))

    return like


def soft_f1(gold: Sequence[Document], predicted: Sequence[Document], like: Likeness) -> float:
    """Micro F1 in which a span with the right bounds counts as much as its label is like the gold one.

    Args:
        gold: documents with gold spans.
        predicted: the same documents with predicted spans.
        like: in [0, 1].
    """
    right = 0.0
    for truth, guess in zip(gold, predicted, strict=True):
        wanted, found = _by_bounds(truth), _by_bounds(guess)
        for bounds in wanted.keys() & found.keys():
            # Of several labels on the same words, those that are most alike belong together.
            left, pairs = (list(wanted[bounds]), list(found[bounds])), itertools.product(wanted[bounds], found[bounds])
            for one, other in sorted(pairs, key=lambda pair: -like(*pair)):
                if one in left[0] and other in left[1]:
                    right += like(one, other)
                    left[0].remove(one)
                    left[1].remove(other)
    total = sum(len(document.spans) for document in (*gold, *predicted))
    return 2 * right / total if total else 0.0


def recall_by_language(gold: Sequence[Document], predicted: Sequence[Document]) -> dict[str, tuple[float, int]]:
    """Strict recall and gold spans by the documents' languages; documents that state none are left out."""
    totals: dict[str, NDArray[np.int64]] = {}
    for document, counts in zip(gold, span_counts(gold, predicted), strict=True):
        if document.language:
            totals[document.language] = totals.get(document.language, 0) + counts
    return {name: (right / wanted, int(wanted)) for name, (right, _, wanted) in sorted(totals.items()) if wanted}


def _by_bounds(document: Document) -> dict[tuple[int, int], list[str]]:
    labels: dict[tuple[int, int], list[str]] = defaultdict(list)
    for span in document.spans:
        labels[span.start, span.end].append(span.label)
    return labels
