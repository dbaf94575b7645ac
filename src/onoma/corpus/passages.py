"""Sentences that follow each other as one passage, and what was found in it as sentences again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from onoma.document import Document, Span

_BETWEEN = "\n"


@dataclass(frozen=True)
class Passage:
    r"""Documents that are read together.

    Args:
        parts: the documents, at least one.

    Examples:
        >>> passage = Passage((Document("It is slow."), Document("Use Redis.", (Span(4, 9, "SOFTWARE"),))))
        >>> passage.document.text
        'It is slow.\nUse Redis.'
        >>> passage.split(passage.document)[1].spans
        (Span(start=4, end=9, label='SOFTWARE', score=None),)
    """

    parts: tuple[Document, ...]

    @property
    def starts(self) -> list[int]:
        """Offset of each part in :attr:`document`."""
        return list(accumulate((len(part.text) + len(_BETWEEN) for part in self.parts[:-1]), initial=0))

    @property
    def document(self) -> Document:
        """The parts with line breaks between them; a single part as it is."""
        first = self.parts[0]
        if len(self.parts) == 1:
            return first
        placed = list(zip(self.starts, self.parts, strict=True))
        return Document(
            _BETWEEN.join(part.text for part in self.parts),
            spans=tuple(
                Span(start + span.start, start + span.end, span.label, span.score)
                for start, part in placed
                for span in part.spans
            ),
            tokens=tuple((start + low, start + high) for start, part in placed for low, high in part.words()),
            id=first.id,
            language=first.language,
            meta=first.meta,
        )

    def split(self, found: Document) -> list[Document]:
        """The parts with the spans that were found in :attr:`document`.

        A span over a line break leaves a piece in each part that it touches: each counts as found there.
        """
        if len(self.parts) == 1:
            return [self.parts[0].with_spans(found.spans)]
        return [
            replace(
                part,
                spans=tuple(
                    Span(max(span.start - start, 0), min(span.end - start, len(part.text)), span.label, span.score)
                    for span in found.spans
                    if span.start < start + len(part.text) and span.end > start
                ),
            )
            for start, part in zip(self.starts, self.parts, strict=True)
        ]


def join(documents: Iterable[Document], words: int) -> Iterator[Passage]:
    """Neighbours in passages of at most so many words; a document that is longer stands alone.

    Args:
        documents: in the order of their source.
        words: 1 or more.
    """
    parts: list[Document] = []
    total = 0
    for document in documents:
        size = len(document.words())
        if parts and total + size > words:
            yield Passage(tuple(parts))
            parts, total = [], 0
        parts.append(document)
        total += size
    if parts:
        yield Passage(tuple(parts))


def joined(documents: Sequence[Document], words: int | None) -> list[Document]:
    """Passages as documents; without ``words`` the documents themselves."""
    return [passage.document for passage in join(documents, words)] if words else list(documents)
