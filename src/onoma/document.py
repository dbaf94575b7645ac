"""Documents and spans: the nouns that everything else passes around."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from onoma.errors import DataError
from onoma.words import word_offsets

Offset = tuple[int, int]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A labelled stretch of text: ``text[start:end]`` is its surface.

    Args:
        start: first code point.
        end: one past the last code point; ``end > start``.
        label: entity type, such as ``"PER"``.
        score: confidence in [0, 1], or None for gold. Two spans that differ only in score are equal.

    Raises:
        DataError: if the offsets are negative, empty or reversed, or the label is empty.

    Examples:
        >>> Span(0, 5, "LOC")
        Span(start=0, end=5, label='LOC', score=None)
    """

    start: int
    end: int
    label: str
    score: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise DataError(f"span [{self.start}, {self.end}) is empty, reversed or negative")
        if not self.label:
            raise DataError(f"span [{self.start}, {self.end}) has no label")

    @property
    def sureness(self) -> float:
        """The score; 1 where whoever found the span gives none, as rules and people do not."""
        return 1.0 if self.score is None else self.score

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, the score rounded to 6 places."""
        result: dict[str, Any] = {"start": self.start, "end": self.end, "label": self.label}
        return result if self.score is None else {**result, "score": round(self.score, 6)}


@dataclass(frozen=True, slots=True)
class Document:
    """A text with the spans found in it.

    Args:
        text: any string.
        spans: sorted on construction by start, end and label.
        tokens: offsets of the source's own words, sorted and disjoint, or None where it has none.
        id: name of the document in its source.
        language: BCP 47 code such as ``"as"``, or empty.
        meta: anything else that the source says; JSON values.

    Raises:
        DataError: if a span or token reaches outside the text, or tokens overlap.

    Examples:
        >>> document = Document("Guwahati is busy.", spans=(Span(0, 8, "LOC"),))
        >>> [document.surface(span) for span in document.spans]
        ['Guwahati']
    """

    text: str
    spans: tuple[Span, ...] = ()
    tokens: tuple[Offset, ...] | None = None
    id: str = ""
    language: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = len(self.text)
        object.__setattr__(self, "spans", tuple(sorted(self.spans)))
        for span in self.spans:
            if span.end > size:
                raise DataError(
                    f"span [{span.start}, {span.end}) {span.label} ends outside a text of {size} characters"
                )
        if self.tokens is not None:
            tokens = tuple((int(start), int(end)) for start, end in self.tokens)
            object.__setattr__(self, "tokens", tokens)
            last = 0
            for start, end in tokens:
                if not last <= start < end <= size:
                    raise DataError(
                        f"token [{start}, {end}) is empty, overlaps the one before or ends outside the text"
                    )
                last = end

    def surface(self, span: Span) -> str:
        """The text that a span covers."""
        return self.text[span.start : span.end]

    def words(self) -> Sequence[Offset]:
        """Offsets of words: the source's own tokens, or else those of :func:`onoma.words.word_offsets`."""
        return self.tokens if self.tokens is not None else word_offsets(self.text)

    def word_texts(self) -> list[str]:
        """Surfaces of :meth:`words`."""
        return [self.text[start:end] for start, end in self.words()]

    def with_spans(self, spans: Sequence[Span]) -> Document:
        """The same document with other spans."""
        return replace(self, spans=tuple(spans))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; fields that are empty are left out."""
        result: dict[str, Any] = {"text": self.text, "spans": [span.to_dict() for span in self.spans]}
        if self.tokens is not None:
            result["tokens"] = [list(token) for token in self.tokens]
        rest = {"id": self.id, "language": self.language, "meta": dict(self.meta)}
        return result | {name: value for name, value in rest.items() if value}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Document:
        """Inverse of :meth:`to_dict`."""
        tokens = row.get("tokens")
        return cls(
            text=row["text"],
            spans=tuple(Span(s["start"], s["end"], s["label"], s.get("score")) for s in row.get("spans") or ()),
            tokens=None if tokens is None else tuple((token[0], token[1]) for token in tokens),
            id=row.get("id") or "",
            language=row.get("language") or "",
            meta=row.get("meta") or {},
        )


def from_words(words: Sequence[str], **fields: Any) -> Document:
    """Join words with single spaces into a document that remembers them as tokens.

    Empty words would have no place in the text, so they are refused.

    Raises:
        DataError: if a word is empty.

    Examples:
        >>> from_words(["Guwahati", "is", "busy"]).tokens
        ((0, 8), (9, 11), (12, 16))
    """
    tokens: list[Offset] = []
    position = 0
    for index, word in enumerate(words):
        if not word:
            raise DataError(f"word {index + 1} is empty")
        tokens.append((position, position + len(word)))
        position += len(word) + 1
    return Document(" ".join(words), tokens=tuple(tokens), **fields)


def iterate_surfaces(document: Document) -> Iterator[tuple[str, str]]:
    """Yield ``(surface, label)`` for each span."""
    for span in document.spans:
        yield document.surface(span), span.label
