"""Changes of a text that carry its spans and tokens along."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from onoma.document import Document, Span


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """``text[start:end]`` becomes ``text``; with ``start == end`` it is an insertion."""

    start: int
    end: int
    text: str


def apply_edits(document: Document, edits: Sequence[Edit]) -> Document:
    """Change a document's text, with its spans and tokens on what they covered before.

    An edit that begins inside a span and ends outside it, or that overlaps an earlier one, is left out. What is
    inserted between tokens becomes a token; a token that gets a space in it becomes two, and two whose space goes, one.

    Args:
        document: any.
        edits: in any order.

    Examples:
        >>> changed = apply_edits(Document("in Rome", (Span(3, 7, "LOC"),)), [Edit(0, 2, "near"), Edit(4, 5, "oo")])
        >>> changed.text, changed.surface(changed.spans[0])
        ('near Roome', 'Roome')
    """
    edits = _possible(document, edits)
    parts: list[str] = []
    position = 0
    for edit in edits:
        parts += [document.text[position : edit.start], edit.text]
        position = edit.end
    text = "".join([*parts, document.text[position:]])
    shift = _Shift(edits)
    spans = [Span(shift.start(span.start), shift.end(span.end), span.label, span.score) for span in document.spans]
    tokens = None if document.tokens is None else _tokens(document, edits, shift, text)
    return replace(document, text=text, spans=tuple(spans), tokens=tokens)


def _possible(document: Document, edits: Sequence[Edit]) -> list[Edit]:
    chosen: list[Edit] = []
    for edit in sorted(edits):
        crosses = any(edit.start < bound < edit.end for span in document.spans for bound in (span.start, span.end))
        if not crosses and (not chosen or edit.start >= chosen[-1].end):
            chosen.append(edit)
    return chosen


class _Shift:
    """Where a boundary of the old text stands in the new one; insertions at it stay outside what it bounds."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        self._ends = [edit.end for edit in edits]
        self._moved = [0]
        for edit in edits:
            self._moved.append(self._moved[-1] + len(edit.text) - (edit.end - edit.start))
        self._insertions = {edit.end for edit in edits if edit.start == edit.end}

    def start(self, position: int) -> int:
        return position + self._moved[bisect_right(self._ends, position)]

    def end(self, position: int) -> int:
        if position in self._insertions:
            return position + self._moved[bisect_left(self._ends, position)]
        return self.start(position)


def _tokens(document: Document, edits: Sequence[Edit], shift: _Shift, text: str) -> tuple[tuple[int, int], ...]:
    old = _merged(document.tokens or (), edits)
    moved = [(shift.start(start), shift.end(end), number) for number, (start, end) in enumerate(old)]
    covered = [(start, end) for start, end, _ in moved]
    for edit in edits:
        if edit.start == edit.end and edit.text.strip():
            end = shift.start(edit.end)
            start = end - len(edit.text)
            if not any(first < end and start < last for first, last in covered):
                moved.append((start, end, -1))
    result: list[tuple[int, int]] = []
    for start, end, number in sorted(moved):
        words = _words(text, start, end)
        had_space = number > 0 and old[number - 1][1] < old[number][0]
        if result and words and had_space and result[-1][1] == words[0][0]:
            words[0] = (result.pop()[0], words[0][1])
        for first, last in words:
            # An edit from between two tokens into one can leave its beginning in the one before.
            first = max(first, result[-1][1] if result else 0)
            if text[first:last].strip():
                result.append((first, last))
    return tuple(result)


def _merged(tokens: Sequence[tuple[int, int]], edits: Sequence[Edit]) -> list[tuple[int, int]]:
    """Tokens, with those that one edit changes together as one."""
    result: list[tuple[int, int]] = []
    for start, end in tokens:
        if result and any(edit.start < result[-1][1] and start < edit.end for edit in edits):
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


def _words(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Pieces of a stretch that stand between white space."""
    found = []
    position = start
    for piece in text[start:end].split():
        position = text.index(piece, position)
        found.append((position, position + len(piece)))
        position += len(piece)
    return found
