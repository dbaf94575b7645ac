"""Tags of words and what they stand for: IOB1, IOB2, BIOES, BILOU and IO, read and written.

Tags live only inside readers, alignment and metrics; everywhere else there are spans.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from onoma.document import Document, Span, from_words
from onoma.errors import DataError

Scheme = Literal["IO", "IOB1", "IOB2", "BIOES", "BILOU"]
SCHEMES: tuple[Scheme, ...] = ("IO", "IOB1", "IOB2", "BIOES", "BILOU")

_TAG = re.compile(r"O$|[BIESLU]-.")
_OPENS = frozenset("BSU")
_CLOSES = frozenset("ESLU")
_PREFIXES = {"IO": "I", "IOB1": "BI", "IOB2": "BI", "BIOES": "BIES", "BILOU": "BILU"}


@dataclass(frozen=True, slots=True, order=True)
class WordSpan:
    """A labelled run of words: ``words[first:last]``, ``last`` exclusive."""

    first: int
    last: int
    label: str


def split_tag(tag: str) -> tuple[str, str]:
    """``"B-PER"`` → ``("B", "PER")``; ``"O"`` → ``("O", "")``.

    Raises:
        DataError: if the tag is neither ``O`` nor a known prefix, a hyphen and a label.
    """
    if tag == "O":
        return "O", ""
    prefix, _, label = tag.partition("-")
    if not _TAG.match(tag):
        raise DataError(f"unknown tag {tag!r}", mend="A tag is O, or one of B I E S L U, a hyphen and a label.")
    return prefix, label


def detect_scheme(sequences: Iterable[Sequence[str]]) -> Scheme:
    """Tell the tagging scheme that a set of tag sequences follows.

    IOB1 and IOB2 are told apart by how entities start: IOB1 uses ``B-`` only right after an entity of the
    same label, IOB2 on every entity. Where both occur, the sequences are IOB2 with faults.

    Tags that are none at all are passed over: :func:`read_tags` names them.

    Raises:
        DataError: if prefixes of BIOES and BILOU stand in one corpus.

    Examples:
        >>> detect_scheme([["I-PER", "I-PER", "O", "I-LOC", "B-LOC"]])
        'IOB1'
    """
    prefixes: set[str] = set()
    starts_with_b = starts_with_i = False
    for tags in sequences:
        previous = ""
        for tag in tags:
            if not _TAG.match(tag):
                continue
            prefix, _, label = tag.partition("-")
            prefixes.add(prefix)
            if label and label != previous:
                starts_with_b |= prefix == "B"
                starts_with_i |= prefix == "I"
            previous = label
    if prefixes & {"L", "U"} and prefixes & {"E", "S"}:
        raise DataError("the tags mix BIOES and BILOU prefixes", mend="Write the file in one scheme.")
    if prefixes & {"L", "U"}:
        return "BILOU"
    if prefixes & {"E", "S"}:
        return "BIOES"
    if "I" in prefixes and "B" not in prefixes:
        return "IO"
    return "IOB1" if starts_with_i and not starts_with_b else "IOB2"


def read_tags(tags: Sequence[str], scheme: Scheme = "IOB2") -> tuple[list[WordSpan], int]:
    """Turn tags into word spans, mending what the scheme does not allow.

    An ``I-``, ``E-`` or ``L-`` with no entity of its label open starts one; an entity that is never closed ends
    where the next tag says so. Each is counted.

    Returns:
        The spans in order, and how many tags broke the scheme.

    Raises:
        DataError: for an unknown tag, or a prefix that the scheme does not have.

    Examples:
        >>> read_tags(["I-PER", "I-PER", "O"])
        ([WordSpan(first=0, last=2, label='PER')], 1)
    """
    spans: list[WordSpan] = []
    mended = 0
    open_label, first = "", 0
    must_close = scheme in ("BIOES", "BILOU")

    def close(index: int) -> None:
        nonlocal open_label
        if open_label:
            spans.append(WordSpan(first, index, open_label))
        open_label = ""

    for index, tag in enumerate(tags):
        prefix, label = split_tag(tag)
        if prefix != "O" and prefix not in _PREFIXES[scheme]:
            raise DataError(f"tag {tag!r} does not belong to the scheme {scheme}", mend="Write the file in one scheme.")
        continues = prefix in "IEL" and label == open_label
        if not continues:
            if open_label and must_close:
                mended += 1
            close(index)
            if prefix != "O":
                open_label, first = label, index
                if prefix not in _OPENS and scheme not in ("IO", "IOB1"):
                    mended += 1
        if prefix in _CLOSES:
            close(index + 1)
    if open_label and must_close:
        mended += 1
    close(len(tags))
    return spans, mended


def write_tags(spans: Iterable[WordSpan], length: int, scheme: Scheme = "IOB2") -> list[str]:
    """Turn word spans into ``length`` tags; the inverse of :func:`read_tags`.

    IO cannot part neighbours of one label, so a round trip through it may join them.

    Raises:
        DataError: if spans overlap or reach past ``length``.

    Examples:
        >>> write_tags([WordSpan(0, 2, "PER")], 3, "BIOES")
        ['B-PER', 'E-PER', 'O']
    """
    tags = ["O"] * length
    previous = WordSpan(-1, 0, "")
    for span in sorted(spans):
        if not previous.last <= span.first < span.last <= length:
            raise DataError(f"words [{span.first}, {span.last}) {span.label} overlap another span or the end")
        inside = range(span.first, span.last)
        for index in inside:
            tags[index] = f"I-{span.label}"
        last = span.last - 1
        if scheme in ("IOB2", "BIOES", "BILOU") or (
            scheme == "IOB1" and previous.last == span.first and previous.label == span.label
        ):
            tags[span.first] = f"B-{span.label}"
        if scheme in ("BIOES", "BILOU"):
            end, single = ("E", "S") if scheme == "BIOES" else ("L", "U")
            tags[last] = f"{end}-{span.label}" if len(inside) > 1 else f"{single}-{span.label}"
        previous = span
    return tags


def document_from_tags(
    words: Sequence[str], tags: Sequence[str], scheme: Scheme = "IOB2", **fields: object
) -> tuple[Document, int]:
    """Build a document from tagged words, joined by single spaces.

    Returns:
        The document, and how many tags were mended.

    Raises:
        DataError: if there are not as many tags as words, a word is empty or a tag is unknown.
    """
    if len(words) != len(tags):
        raise DataError(f"{len(words)} words but {len(tags)} tags")
    found, mended = read_tags(tags, scheme)
    document = from_words(words, **fields)
    return document.with_spans(spans_from_words(found, document.words())), mended


def spans_from_words(spans: Iterable[WordSpan], words: Sequence[tuple[int, int]]) -> list[Span]:
    """Character spans of word spans."""
    return [Span(words[span.first][0], words[span.last - 1][1], span.label) for span in spans]


@dataclass(frozen=True, slots=True)
class WordView:
    """A document's spans seen as word spans.

    Args:
        spans: disjoint word spans in order.
        widened: spans that began or ended inside a word and were widened to whole words.
        overlapping: spans left out since a longer or earlier one holds their words.
        empty: spans left out since they cover no word.
    """

    spans: tuple[WordSpan, ...]
    widened: tuple[Span, ...] = ()
    overlapping: tuple[Span, ...] = ()
    empty: tuple[Span, ...] = ()


def spans_to_words(document: Document, words: Sequence[tuple[int, int]] | None = None) -> WordView:
    """See a document's character spans as disjoint word spans, and say what that costs.

    Of overlapping spans the longest stays, then the earliest.

    Args:
        document: the document.
        words: word offsets; the document's own if None.
    """
    offsets = document.words() if words is None else words
    starts = [start for start, _ in offsets]
    ends = [end for _, end in offsets]
    kept: list[WordSpan] = []
    widened: list[Span] = []
    overlapping: list[Span] = []
    empty: list[Span] = []
    taken = bytearray(len(offsets))
    for span in sorted(document.spans, key=lambda item: (item.start - item.end, item.start)):
        first = bisect_left(ends, span.start + 1)
        last = bisect_left(starts, span.end)
        if first >= last:
            empty.append(span)
        elif any(taken[first:last]):
            overlapping.append(span)
        else:
            taken[first:last] = b"\x01" * (last - first)
            kept.append(WordSpan(first, last, span.label))
            if (starts[first], ends[last - 1]) != (span.start, span.end):
                widened.append(span)
    return WordView(tuple(sorted(kept)), tuple(widened), tuple(overlapping), tuple(empty))
