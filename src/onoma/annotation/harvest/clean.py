"""Raw text made regular without changing what it says, and cut to size between sentences."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import regex

from onoma.words import line_and_sentence_starts, word_offsets

_JOINERS = "\u200c\u200d"
_BREAKS = regex.compile(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]")
# Controls and invisible marks that stand for nothing; joiners shape letters in many scripts, so they stay.
_NOTHING = regex.compile(rf"[[\p{{Cc}}\p{{Cf}}\p{{Co}}\p{{Cn}}\ufffd]--[\n\t{_JOINERS}]]", regex.VERSION1)
_SPACES = regex.compile(r"[^\S\n]+")
_EMPTY_LINES = regex.compile(r"\n{3,}")
_LONE_JOINERS = regex.compile(rf"(?<![\p{{L}}\p{{M}}])[{_JOINERS}]+|[{_JOINERS}]+(?![\p{{L}}\p{{M}}])")


def clean_text(text: str) -> str:
    r"""Compose characters (NFC), take out controls and invisible marks, and make white space regular.

    Lines stay lines; more than one empty line becomes one. Letters, signs, digits and emoji stay as they are, but for
    emoji that a joiner holds together, which come apart.

    Examples:
        >>> clean_text("Rome\u00a0 is\u200b  old\r\n\r\n\r\n\r\nyes \n")
        'Rome is old\n\nyes'
    """
    text = _BREAKS.sub("\n", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    text = _LONE_JOINERS.sub("", _NOTHING.sub("", unicodedata.normalize("NFC", text)))
    lines = (line.strip() for line in _SPACES.sub(" ", text).split("\n"))
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()


def cut_text(text: str, words: int, language: str = "") -> list[str]:
    """Pieces of a text of at most so many words, cut between sentences; a longer sentence is cut between words.

    No word is lost, and pieces keep the text's own line breaks inside.

    Args:
        text: any.
        words: most words and signs of a piece.
        language: BCP 47 code, for the ends of sentences; danda ।, double danda and Assamese ৷ end them too.

    Examples:
        >>> cut_text("Go home. Now. Please stay.", 5)
        ['Go home. Now.', 'Please stay.']
    """
    offsets = word_offsets(text)
    if not offsets:
        return []
    _, starts = line_and_sentence_starts(text, offsets, language)
    cuts = [0]
    for start, end in zip(starts, [*starts[1:], len(offsets)], strict=True):
        if end - cuts[-1] > words and start > cuts[-1]:
            cuts.append(start)
        while end - cuts[-1] > words:
            cuts.append(_gap(offsets, cuts[-1], cuts[-1] + words))
    bounds = [offsets[cut][0] for cut in cuts] + [len(text)]
    return [text[start:end].strip() for start, end in pairwise(bounds)]


def _gap(offsets: Sequence[tuple[int, int]], first: int, last: int) -> int:
    """The last word up to ``last`` that does not touch the one before it, or ``last`` if all behind ``first`` do."""
    for cut in range(last, first, -1):
        if offsets[cut - 1][1] < offsets[cut][0]:
            return cut
    return last
