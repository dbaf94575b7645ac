"""More training sentences from few: the same sentences with other names in them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence

from onoma.document import Document, from_words
from onoma.tagging import WordSpan, spans_from_words, spans_to_words

Mentions = Mapping[str, Sequence[tuple[str, ...]]]
"""Words of known names by label, each name once."""


def collect_mentions(documents: Iterable[Document]) -> dict[str, list[tuple[str, ...]]]:
    """The names that stand in gold documents, each once, in the order of their first use.

    Examples:
        >>> from onoma.document import Span
        >>> collect_mentions([Document("in New York", (Span(3, 11, "LOC"),))])
        {'LOC': [('New', 'York')]}
    """
    found: dict[str, dict[tuple[str, ...], None]] = {}
    for document in documents:
        words = document.word_texts()
        for span in spans_to_words(document).spans:
            found.setdefault(span.label, {})[tuple(words[span.first : span.last])] = None
    return {label: list(names) for label, names in found.items()}


def replace_mentions(document: Document, mentions: Mentions, generator: random.Random) -> Document:
    """The document with each name replaced by one of the same label, drawn evenly.

    That is mention replacement (Dai and Adel 2020, https://aclanthology.org/2020.coling-main.343). A name whose label
    has no mentions stays. The new document is its words joined by single spaces.

    Args:
        document: with gold spans on words.
        mentions: from :func:`collect_mentions`.
        generator: of the draws.
    """
    words = document.word_texts()
    new: list[str] = []
    spans: list[WordSpan] = []
    position = 0
    for span in spans_to_words(document).spans:
        new += words[position : span.first]
        names = mentions.get(span.label)
        name = generator.choice(names) if names else tuple(words[span.first : span.last])
        spans.append(WordSpan(len(new), len(new) + len(name), span.label))
        new += name
        position = span.last
    new += words[position:]
    made = from_words(new, id=document.id, language=document.language)
    return made.with_spans(spans_from_words(spans, made.words()))
