"""An extractor that reads neighbouring documents together."""

from __future__ import annotations

from collections.abc import Sequence

from onoma.corpus.passages import join
from onoma.document import Document
from onoma.extractors.base import Extractor


class PassageExtractor(Extractor):
    """Gives another extractor the sentences around each sentence, where a corpus holds them one by one.

    A name may be plain from its neighbours alone (document-level features of Schweter and Akbik 2020, FLERT,
    https://arxiv.org/abs/2011.06993). Whole texts need none of this.

    Args:
        extractor: the other.
        words: of a passage, at most.
    """

    def __init__(self, extractor: Extractor, words: int) -> None:
        self._extractor = extractor
        self._words = words

    @property
    def labels(self) -> tuple[str, ...]:
        """The other's."""
        return self._extractor.labels

    @property
    def exhaustive(self) -> bool:
        """The other's."""
        return self._extractor.exhaustive

    def extract_block(self, documents: Sequence[Document]) -> list[Document]:
        """See :class:`Extractor`."""
        passages = list(join(documents, self._words))
        found = self._extractor.extract([passage.document for passage in passages])
        return [part for passage, answer in zip(passages, found, strict=True) for part in passage.split(answer)]
