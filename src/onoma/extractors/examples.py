"""Examples for a language model: the same for all texts, or for each the ones most like it."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Sequence

from onoma.document import Document

_LETTERS = 3


class ExampleChooser:
    """Chooses labelled documents to show with a text.

    Likeness is the cosine of counts of three-letter pieces, weighted by how rare they are; it needs no model and holds
    for any script. Examples like the text help a model more than others (Liu et al. 2022,
    https://aclanthology.org/2022.deelio-1.10).

    Args:
        documents: labelled.
        count: to choose.
        nearest: those most like the text, the likest last, next to the text; else the first ones.

    Examples:
        >>> chooser = ExampleChooser([Document("install Java"), Document("eat an apple")], 1, nearest=True)
        >>> chooser.choose("installing Python")[0].text
        'install Java'
    """

    def __init__(self, documents: Sequence[Document], count: int, *, nearest: bool) -> None:
        self._documents = documents
        self._count = count
        self._nearest = nearest
        self._holders: dict[str, list[tuple[int, float]]] = {}
        if nearest:
            self._index()

    def choose(self, text: str) -> list[Document]:
        """Examples to show before the text, never the text itself."""
        if not self._nearest:
            return [document for document in self._documents[: self._count + 1] if document.text != text][: self._count]
        scores: Counter[int] = Counter()
        for piece, times in _pieces(text).items():
            for number, weight in self._holders.get(piece, ()):
                scores[number] += times * weight  # type: ignore[assignment]
        likest = heapq.nlargest(
            self._count,
            (item for item in scores.items() if self._documents[item[0]].text != text),
            key=lambda item: (item[1], -item[0]),
        )
        return [self._documents[number] for number, _ in reversed(likest)]

    def _index(self) -> None:
        counts = [_pieces(document.text) for document in self._documents]
        holders = Counter(piece for pieces in counts for piece in pieces)
        for number, pieces in enumerate(counts):
            rarity = {piece: math.log(len(counts) / holders[piece]) + 1 for piece in pieces}
            length = math.sqrt(sum((times * rarity[piece]) ** 2 for piece, times in pieces.items()))
            for piece, times in pieces.items():
                self._holders.setdefault(piece, []).append((number, times * rarity[piece] ** 2 / length))


def _pieces(text: str) -> Counter[str]:
    padded = f" {' '.join(text.casefold().split())} "
    return Counter(padded[start : start + _LETTERS] for start in range(len(padded) - _LETTERS + 1))
