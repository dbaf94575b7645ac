"""The extractor: text in, documents with spans out."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from onoma.document import Document

Input = str | Document

BLOCK_CHARACTERS = 200_000
"""Text that is in memory at a time: enough for well-filled batches, little enough for any stream."""


class Extractor(ABC):
    """Anything that finds entities. A new kind gives its labels and :meth:`extract_block`; the rest comes from here.

    Examples:
        >>> extractor = onoma.load("runs/assamese")  # doctest: +SKIP
        >>> extractor.extract("গুৱাহাটী এখন মহানগৰ।").spans  # doctest: +SKIP
        (Span(start=0, end=8, label='LOC', score=0.98),)
    """

    @property
    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """Entity types that it can give."""

    @property
    def exhaustive(self) -> bool:
        """Whether it judges all of a text, so that its silence denies; a list of names only knows what it lists."""
        return True

    @abstractmethod
    def extract_block(self, documents: Sequence[Document]) -> list[Document]:
        """Find entities in a block of documents that fits into memory; answers in the same order."""

    def extract_blocks(self, blocks: Iterable[Sequence[Document]]) -> Iterator[list[Document]]:
        """Find entities in a stream of blocks; an extractor that can prepare one while it works on another does so."""
        return map(self.extract_block, blocks)

    def window_starts(self, document: Document) -> list[int]:
        """Offsets at which a further window begins, where a document is longer than is read at a time."""
        return []

    # A string is a sequence of strings to mypy, hence the ignored overlaps; the first overload that fits counts.
    @overload
    def extract(self, texts: Input) -> Document: ...  # type: ignore[overload-overlap]
    @overload
    def extract(self, texts: Sequence[Input]) -> list[Document]: ...
    @overload
    def extract(self, texts: Iterable[Input]) -> Iterable[Document]: ...
    def extract(self, texts: Input | Iterable[Input]) -> Document | Iterable[Document]:
        """Find entities: a document for a text, a list for a list, a lazy iterator for any other iterable.

        A document's own spans are replaced; its tokens, where it has them, are the words that get tagged. Texts may be
        of any length, and a stream of any number of them takes bounded memory.

        Args:
            texts: a text or document, a list of them, or a stream.
        """
        if isinstance(texts, str | Document):
            return self.extract_block([as_document(texts)])[0]
        stream = itertools.chain.from_iterable(self.extract_blocks(blocks_of(texts)))
        return list(stream) if isinstance(texts, Sequence) else stream


def as_document(text: Input) -> Document:
    """A text as a document; a document as it is."""
    return Document(text) if isinstance(text, str) else text


def blocks_of(texts: Iterable[Input]) -> Iterator[list[Document]]:
    """A stream in blocks of about :data:`BLOCK_CHARACTERS`."""
    block: list[Document] = []
    size = 0
    for text in texts:
        document = as_document(text)
        block.append(document)
        size += len(document.text) + 1
        if size >= BLOCK_CHARACTERS:
            yield block
            block, size = [], 0
    if block:
        yield block
