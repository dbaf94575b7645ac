"""Names that a language model wrote, found again in the text that it was given; a model is never asked for offsets."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import regex

from onoma.document import Span
from onoma.words import on_word_boundaries

Status = Literal["exact", "normalised", "fuzzy", "ambiguous", "unmatched"]
STATUSES: tuple[Status, ...] = ("exact", "normalised", "fuzzy", "ambiguous", "unmatched")

_CLUSTER = regex.compile(r"\X")
_LETTERS_AN_ERROR = 6
"""One wrong letter is forgiven in this many."""
_FUZZY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Mention:
    """A name as a model wrote it.

    Args:
        surface: its text.
        label: its type.
        score: how sure the model was, if that is known.
    """

    surface: str
    label: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Grounded:
    """A mention and where it stands.

    Args:
        mention: as the model wrote it.
        span: where it is in the text, or None.
        status: ``exact``; ``normalised``, equal but for case, white space and Unicode form; ``fuzzy``, equal but for a
            few letters; ``ambiguous``, exact or normalised, but the text has it more often than the model mentioned it;
            ``unmatched``, not in the text.
    """

    mention: Mention
    span: Span | None
    status: Status


def ground(mentions: Sequence[Mention], text: str) -> list[Grounded]:
    """Find mentions in a text, in the order in which they are mentioned.

    A mention stands at the first place on word boundaries, behind the one before it, that no other mention has taken;
    if there is none behind it, at the first free one in the text.

    Args:
        mentions: as a model wrote them.
        text: that it was given.

    Examples:
        >>> [found.status for found in ground([Mention("rome", "LOC"), Mention("Oslo", "LOC")], "Rome fell")]
        ['normalised', 'unmatched']
    """
    folded = _Folded(text)
    wanted = Counter(folded.key(mention.surface) for mention in mentions)
    taken: set[tuple[int, int]] = set()
    cursor = 0
    result = []
    for mention in mentions:
        places, status = _places(mention.surface, text, folded)
        free = [place for place in places if place not in taken]
        behind = [place for place in free if place[0] >= cursor]
        chosen = next(iter(behind or free), None)
        if chosen is None:
            result.append(Grounded(mention, None, "unmatched"))
            continue
        taken.add(chosen)
        cursor = chosen[0]
        if status != "fuzzy" and len(places) > wanted[folded.key(mention.surface)]:
            status = "ambiguous"
        result.append(Grounded(mention, Span(*chosen, mention.label, mention.score), status))
    return result


def spans_of(placed: Sequence[Grounded]) -> list[Span]:
    """The spans that were found, sorted; the first of those that are the same place.

    Examples:
        >>> spans_of(ground([Mention("Rome", "LOC"), Mention("Oslo", "LOC")], "Rome fell"))
        [Span(start=0, end=4, label='LOC', score=None)]
    """
    spans = {(found.span.start, found.span.end): found.span for found in reversed(placed) if found.span}
    return sorted(spans.values())


def occurrences(surface: str, text: str) -> list[tuple[int, int]]:
    """Where a surface stands in a text on word boundaries, exactly as it is.

    Examples:
        >>> occurrences("Rome", "Rome, Romeo, Rome")
        [(0, 4), (13, 17)]
    """
    return list(_exact(surface, text))


def _places(surface: str, text: str, folded: _Folded) -> tuple[list[tuple[int, int]], Status]:
    exact = occurrences(surface, text)
    if exact:
        return exact, "exact"
    alike = [(start, end) for start, end in folded.occurrences(surface) if on_word_boundaries(text, start, end)]
    if alike:
        return alike, "normalised"
    return list(_fuzzy(surface, text)), "fuzzy"


def _exact(surface: str, text: str) -> Iterator[tuple[int, int]]:
    start = text.find(surface) if surface else -1
    while start >= 0:
        end = start + len(surface)
        if on_word_boundaries(text, start, end):
            yield start, end
        start = text.find(surface, start + 1)


def _fuzzy(surface: str, text: str) -> Iterator[tuple[int, int]]:
    """The best place with few wrong letters."""
    errors = len(surface) // _LETTERS_AN_ERROR
    # Every letter of the surface that the text lacks is an error; most of what a model makes up ends here, cheaply.
    lacking = Counter(surface.casefold()) - Counter(text.casefold())
    if not errors or lacking.total() > errors:
        return
    pattern = regex.compile(rf"(?bi)(?<!\w)(?:{regex.escape(surface)}){{e<={errors}}}(?!\w)")
    try:
        match = pattern.search(text, timeout=_FUZZY_SECONDS)
    except TimeoutError:
        return
    if match and match.group().strip() == match.group() != "" and on_word_boundaries(text, *match.span()):
        yield match.span()


class _Folded:
    """A text without the differences that do not matter, and where its parts stand in the original."""

    def __init__(self, text: str) -> None:
        parts: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        for match in _CLUSTER.finditer(text):
            cluster = _fold(match.group())
            if cluster == " " and parts and parts[-1] == " ":
                self._ends[-1] = match.end()
                continue
            parts.append(cluster)
            self._starts += [match.start()] * len(cluster)
            self._ends += [match.end()] * len(cluster)
        self._text = "".join(parts)

    @staticmethod
    def key(surface: str) -> str:
        """The folded form of a surface."""
        return " ".join("".join(_fold(match.group()) for match in _CLUSTER.finditer(surface)).split())

    def occurrences(self, surface: str) -> list[tuple[int, int]]:
        """Offsets in the original of a surface's places in the folded text."""
        key = self.key(surface)
        found = []
        start = self._text.find(key) if key else -1
        while start >= 0:
            end = start + len(key)
            whole = (start == 0 or self._starts[start] > self._starts[start - 1]) and (
                end == len(self._text) or self._starts[end] > self._starts[end - 1]
            )
            if whole:
                found.append((self._starts[start], self._ends[end - 1]))
            start = self._text.find(key, start + 1)
        return found


def _fold(cluster: str) -> str:
    return (
        " " if cluster.isspace() else unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", cluster).casefold())
    )
