"""The extractor: text in, documents with spans out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, overload, runtime_checkable

from onoma.document import Document

Input = str | Document

BLOCK_CHARACTERS = 200_000
"""Text that is in memory at a time: enough for well-filled batches, little enough for any stream."""


@runtime_checkable
class Extractor(Protocol):
    """Anything that finds entities.

    Attributes:
        labels: the entity types that it can give.

    Example:
        >>> extractor = onoma.load("runs/assamese")  # doctest: +SKIP
        >>> extractor.extract("গুৱাহাটী এখন মহানগৰ।").spans  # doctest: +SKIP
        (Span(start=0, end=8, label='LOC', score=0.98),)
    """

    @property
    def labels(self) -> tuple[str, ...]:
        """Entity types that it can give."""
        ...

    @overload
    def extract(self, texts: Input) -> Document: ...
    @overload
    def extract(self, texts: Sequence[Input]) -> list[Document]: ...
    @overload
    def extract(self, texts: Iterable[Input]) -> Iterable[Document]: ...
    def extract(self, texts: Input | Iterable[Input]) -> Document | Iterable[Document]:
        """Find entities: a document for a text, a list for a list, a lazy iterator for any other iterable.

        A document's own spans are replaced; its tokens, where it has them, are the words that get tagged.
        """
        ...


def extract_any(
    texts: Input | Iterable[Input], extract_block: Callable[[list[Document]], list[Document]]
) -> Document | Iterable[Document]:
    """Give each kind of input the answer that :meth:`Extractor.extract` promises, block by block.

    Args:
        texts: a text or document, a list of them, or a stream.
        extract_block: answers a list of documents in order.
    """
    if isinstance(texts, str | Document):
        return extract_block([as_document(texts)])[0]
    stream = itertools.chain.from_iterable(extract_block(block) for block in _blocks(texts))
    return list(stream) if isinstance(texts, Sequence) else stream


def as_document(text: Input) -> Document:
    """A text as a document; a document as it is."""
    return Document(text) if isinstance(text, str) else text


def _blocks(texts: Iterable[Input]) -> Iterator[list[Document]]:
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
