"""Training data in other proportions: more of the sentences that hold entities, and of those with rare labels."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence

from onoma.document import Document


def oversample(documents: Sequence[Document], factor: float, boost: float, generator: random.Random) -> list[Document]:
    """Repeat documents with entities, the more the rarer their labels are.

    A document without a span stays once. One with spans is to stand ``factor × (1 + boost × rarity)`` times, where
    its rarity is that of its rarest label, ``1 - count / count of the most frequent label``, so between 0 and 1. The
    whole part of that number are sure copies; the fraction is the chance of one more. Copies follow their original.

    Args:
        documents: gold documents.
        factor: copies of a document whose labels are all the most frequent one; 1 or more.
        boost: by how much more the rarest labels are repeated; 0 or more.
        generator: of the draws.

    Examples:
        >>> [len(oversample([Document("Rome", (Span(0, 4, "LOC"),))], 2, 0, random.Random(1)))]  # doctest: +SKIP
        [2]
    """
    counts = Counter(span.label for document in documents for span in document.spans)
    most = max(counts.values(), default=1)
    result: list[Document] = []
    for document in documents:
        wanted = 1.0
        if document.spans:
            rarity = 1 - min(counts[span.label] for span in document.spans) / most
            wanted = factor * (1 + boost * rarity)
        whole = int(wanted)
        result += [document] * (whole + (generator.random() < wanted - whole))
    return result


def label_weights(documents: Iterable[Sequence[Hashable]], temperature: float) -> list[float]:
    """How often to draw each document, so that shares of labels go as ``count^(1/temperature)``.

    A document's weight is the mean over its spans of ``count(label)^(1/temperature - 1)``, scaled so that the mean over
    documents with spans is 1; a document without spans weighs 1. At temperature 1 all weigh the same; at an infinite
    one each label is drawn about equally often.

    Args:
        documents: the labels of each document's spans.
        temperature: 1 or more.
    """
    rows = [list(labels) for labels in documents]
    counts = Counter(label for labels in rows for label in labels)
    raw = [
        sum(counts[label] ** (1 / temperature - 1) for label in labels) / len(labels) if labels else 0.0
        for labels in rows
    ]
    labelled = [weight for weight in raw if weight]
    mean = sum(labelled) / len(labelled) if labelled else 1.0
    return [weight / mean if weight else 1.0 for weight in raw]


def cap_labels(documents: Sequence[Document], limits: Mapping[str, int], empty: int) -> list[Document]:
    """Take documents in order as long as no label gets more spans than its limit; one that would is passed over.

    Args:
        documents: in the order in which they are wanted.
        limits: most spans of each label; a label that is not named gets none.
        empty: most documents without a span.
    """
    left = Counter(limits)
    chosen = []
    for document in documents:
        counts = Counter(span.label for span in document.spans)
        if not document.spans:
            empty -= 1
            if empty >= 0:
                chosen.append(document)
        elif all(left[label] >= count for label, count in counts.items()):
            left -= counts
            chosen.append(document)
    return chosen
