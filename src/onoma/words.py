r"""Words and sentences of raw text, right for scripts with combining marks.

The standard library's ``\w`` leaves out vowel signs and viramas, so it breaks অসমীয়া into pieces;
here a letter keeps its marks and joiners. Scripts written without spaces are cut at each grapheme
(as WikiANN's and BERT's word splits do for Chinese), since no boundary is visible in them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import regex

_LETTER = (
    r"[[\p{L}\p{M}\p{N}_\u200c\u200d\u00ad]--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]"
)
_INVISIBLE = r"[[\s\p{Z}\p{Cc}\p{Cf}]--[\u200c\u200d\u00ad]]"
_WORD = regex.compile(
    rf"""
      {_LETTER}+ (?: (?: [.@&·] | ['’] (?! s(?!{_LETTER}) ) ) {_LETTER}+ )*  # don't, node.js, 3.5, AT&T, মোৰ
      (?: \+\+ (?!\+) | \# (?![\w\#]) )?                                     # C++, C#
    | (?<={_LETTER}) ['’]s (?!{_LETTER})                                     # Guwahati's: a word, then 's
    | (?! {_INVISIBLE} ) \X                                                  # a sign, an emoji, a Han character
    """,
    regex.VERBOSE | regex.VERSION1,
)
_WORD_CHARACTER = regex.compile(rf"{_LETTER}", regex.VERSION1)
_ATTACHED = regex.compile(r"[\p{M}\p{Grapheme_Extend}\u200d]")
_VISIBLE = regex.compile(rf"(?! {_INVISIBLE} ) .", regex.VERBOSE | regex.VERSION1 | regex.DOTALL)
_MOST_MARKS = 32
_LINE = regex.compile(r"[^\n\r\u2028\u2029]+")


def word_offsets(text: str) -> list[tuple[int, int]]:
    """Offsets of the words and signs of a text; white space and invisible controls belong to none.

    Shapes: list of ``(start, end)`` in code points, sorted, disjoint.

    Examples:
        >>> [("C#, don't!")[s:e] for s, e in word_offsets("C#, don't!")]
        ['C#', ',', "don't", '!']
    """
    return [match.span() for match in _WORD.finditer(text)]


def is_word_character(character: str) -> bool:
    """True for letters, marks, digits, joiners and the underscore of any script written with spaces."""
    return _WORD_CHARACTER.fullmatch(character) is not None


def on_word_boundaries(text: str, start: int, end: int) -> bool:
    """True if ``text[start:end]`` neither begins nor ends inside a run of word characters.

    A mark on a sign, such as the one that gives ❤️ its colour, is part of the sign, and a word may begin behind it.

    Examples:
        >>> on_word_boundaries("অসমৰ", 0, 3), on_word_boundaries("❤️Rome", 2, 6)
        (False, True)
    """

    def joined(place: int) -> bool:
        return 0 < place < len(text) and is_word_character(text[place]) and _ends_word(text, place - 1)

    return not joined(start) and not joined(end)


def _ends_word(text: str, last: int) -> bool:
    """Whether a character is part of a word: a letter, or a mark that stands on one or on nothing."""
    if not is_word_character(text[last]):
        return False
    base = last
    # Nobody writes more marks on one sign; whoever does must not make this slow.
    while base >= max(0, last - _MOST_MARKS) and _ATTACHED.match(text[base]):
        if not is_word_character(text[base]):  # a mark of a script that is cut at each grapheme
            return False
        base -= 1
    return base < 0 or is_word_character(text[base]) or not _VISIBLE.match(text[base])


def casing_of(text: str) -> str:
    """``"lower"``, ``"upper"``, ``"title"``, ``"mixed"``, or ``"none"`` where no letter has case.

    Examples:
        >>> [casing_of(word) for word in ("java", "JSON", "Java", "JavaScript", "অসম")]
        ['lower', 'upper', 'title', 'mixed', 'none']
    """
    lower, upper = text.lower(), text.upper()
    if lower == upper:
        return "none"
    if text == lower:
        return "lower"
    if text == text.title():
        return "title"
    return "upper" if text == upper else "mixed"


def line_and_sentence_starts(
    text: str, words: Sequence[tuple[int, int]], language: str = ""
) -> tuple[list[int], list[int]]:
    r"""Indices of the words that begin a line, and of those that begin a sentence; every line begins a sentence.

    Inside a line, boundaries come from ``sentencex`` (https://github.com/wikimedia/sentencex), with the Assamese danda
    ৷ (U+09F7) read as ।.

    Args:
        text: the text.
        words: word offsets in it.
        language: BCP 47 code; unknown ones fall back to English rules.

    Examples:
        >>> line_and_sentence_starts("Go. Stop.\nEnd", word_offsets("Go. Stop.\nEnd"))
        ([0, 4], [0, 2, 4])
    """
    import sentencex

    starts = [start for start, _ in words]
    lines: set[int] = set()
    sentences: set[int] = set()
    # A lone surrogate cannot cross into sentencex; the stand-ins keep every offset in place.
    readable = text.replace("\u09f7", "\u0964").encode("utf-8", "replace").decode("utf-8")
    for line in _LINE.finditer(readable):
        lines.add(bisect_left(starts, line.start()))
        for boundary in sentencex.get_sentence_boundaries(language or "en", line.group()):
            sentences.add(bisect_left(starts, line.start() + boundary["start_index"]))
    beyond = {len(words)}
    return sorted(lines - beyond), sorted((lines | sentences) - beyond)
