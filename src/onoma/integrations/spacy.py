"""A spaCy component: entities with scores on spaCy's own tokens.

spaCy finds it by its entry point, so no import is needed (https://spacy.io/usage/processing-pipelines#custom-components).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import filter_spans, minibatch

from onoma.document import Document
from onoma.extractors.base import Extractor
from onoma.extractors.load import load


@Language.factory(
    "onoma",
    assigns=["doc.ents", "doc.spans"],
    default_config={"spans_key": "onoma", "set_ents": True, "threshold": 0.0},
)
def make(nlp: Language, name: str, model: str, spans_key: str, set_ents: bool, threshold: float) -> OnomaComponent:
    """The component from its configuration; ``model`` is anything that :func:`onoma.load` takes."""
    return OnomaComponent(load(model), spans_key=spans_key, set_ents=set_ents, threshold=threshold)


class OnomaComponent:
    """Puts an extractor's entities on spaCy documents.

    Spans are in ``doc.spans[spans_key]``, their scores in its ``attrs["scores"]`` (as spaCy's span categorizer has it),
    and in ``doc.ents`` where they do not overlap what is there.

    Args:
        extractor: that finds them.
        spans_key: of the span group.
        set_ents: whether they become entities, too.
        threshold: least score.

    Examples:
        >>> nlp = spacy.blank("en")  # doctest: +SKIP
        >>> nlp.add_pipe("onoma", config={"model": "runs/it"})  # doctest: +SKIP
        >>> [(ent.text, ent.label_) for ent in nlp("Java 8 on Ubuntu").ents]  # doctest: +SKIP
        [('Java', 'SOFTWARE'), ('8', 'VERSION'), ('Ubuntu', 'OS')]
    """

    def __init__(
        self, extractor: Extractor, *, spans_key: str = "onoma", set_ents: bool = True, threshold: float = 0.0
    ) -> None:
        self._extractor = extractor
        self._spans_key = spans_key
        self._set_ents = set_ents
        self._threshold = threshold

    @property
    def labels(self) -> tuple[str, ...]:
        """Entity types that it can give."""
        return self._extractor.labels

    def __call__(self, doc: Doc) -> Doc:
        """Annotate one document."""
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], batch_size: int = 128) -> Iterator[Doc]:
        """Annotate a stream of documents, batch by batch."""
        for docs in minibatch(stream, batch_size):
            batch = list(docs)
            found = self._extractor.extract([_document(doc) for doc in batch])
            for doc, document in zip(batch, found, strict=True):
                self._annotate(doc, document)
                yield doc

    def _annotate(self, doc: Doc, document: Document) -> None:
        spans: list[Any] = []
        scores = []
        for span in document.spans:
            # Words were spaCy's tokens; a span that does not end with one comes from rules, and grows to whole tokens.
            one = doc.char_span(span.start, span.end, label=span.label, alignment_mode="expand")
            if one is not None and span.sureness >= self._threshold:
                spans.append(one)
                scores.append(span.sureness)
        doc.spans[self._spans_key] = spans
        doc.spans[self._spans_key].attrs["scores"] = np.array(scores, np.float32)
        if self._set_ents:
            doc.ents = filter_spans([*doc.ents, *spans])


def _document(doc: Doc) -> Document:
    tokens = tuple((token.idx, token.idx + len(token)) for token in doc if not token.is_space)
    return Document(doc.text, tokens=tokens, language=doc.lang_)
