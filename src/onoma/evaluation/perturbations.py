"""Harm that text comes to: typing errors, lost casing, scanning errors, look-alikes, other names, mixed scripts.

Each perturbation gives edits for a document at a strength between 0 and 1, the share of words (or spans) that it
touches. None crosses a span's boundary, so that the gold spans stay right.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise

import regex

from onoma.document import Document
from onoma.evaluation.edits import Edit
from onoma.scripts import transliterate

Names = Mapping[str, Sequence[str]]
"""Surfaces by label."""

_CLUSTERS = regex.compile(r"\X")
_KEYBOARDS = (
    ("qwertyuiop", "asdfghjkl", "zxcvbnm"),
    # InScript, which India standardises for its scripts.
    ("ौैाीूबहगदजड", "ोे्िुपरकतचट", " ंमनवलस"),
    ("ৌৈাীূবহগদজড", "োে্িুপৰকতচট", " ংমনৱলস"),
)
_PUNCTUATION = (",", ".", ";", ":", "-", "!", "?")
_MISREAD = (
    ("rn", "m"), ("m", "rn"), ("cl", "d"), ("d", "cl"), ("vv", "w"), ("w", "vv"), ("0", "O"), ("O", "0"), ("1", "l"),
    ("l", "1"), ("I", "l"), ("5", "S"), ("S", "5"), ("8", "B"), ("B", "8"), ("e", "c"), ("h", "b"), ("n", "ri"),
    ("घ", "ध"), ("ध", "घ"), ("भ", "म"), ("म", "भ"), ("ब", "व"), ("व", "ब"), ("प", "ष"), ("य", "थ"), ("ख", "रव"),
    ("ব", "র"), ("র", "ব"), ("ৰ", "ব"), ("ঘ", "য"), ("য", "ষ"), ("থ", "খ"), ("ড", "ভ"), ("ম", "স"), ("ৱ", "ব"),
)  # fmt: skip
_LOOKALIKES = (
    *zip("aeopcxyisjABEHKMOPTXCSIJ", "аеорсхуіѕјАВЕНКМОРТХСЅІЈ", strict=True),
    # Letters that Unicode can write in two ways.
    ("\u09af\u09bc", "\u09df"), ("\u09df", "\u09af\u09bc"), ("\u09a1\u09bc", "\u09dc"), ("\u09dc", "\u09a1\u09bc"),
    ("\u09cb", "\u09c7\u09be"), ("\u09cc", "\u09c7\u09d7"), ("\u0915\u093c", "\u0958"), ("\u0958", "\u0915\u093c"),
    ("\u0921\u093c", "\u095c"), ("\u095c", "\u0921\u093c"), ("\u091c\u093c", "\u095b"), ("\u095b", "\u091c\u093c"),
)  # fmt: skip


def typos(document: Document, strength: float, draw: random.Random, _names: Names) -> list[Edit]:
    """One slip a word: a neighbouring key, two letters swapped, one left out, or one doubled."""
    edits = []
    for start, word in _chosen(document, strength, draw):
        slips = [
            Edit(start + place, start + place + 1, draw.choice(_neighbours()[letter]))
            for place, letter in enumerate(word)
            if letter in _neighbours()
        ]
        clusters = [match.span() for match in _CLUSTERS.finditer(word)]
        # The first and last letters of a word are those that are least often mistyped.
        for (first, middle), (_, last) in pairwise(clusters[1:]):
            slips += [
                Edit(start + first, start + last, word[middle:last] + word[first:middle]),
                Edit(start + first, start + middle, ""),
                Edit(start + middle, start + middle, word[first:middle]),
            ]
        if slips:
            edits.append(draw.choice(slips))
    return edits


def casing(document: Document, strength: float, draw: random.Random, _names: Names) -> list[Edit]:
    """Words in lower, upper or title case, whichever they are not."""
    edits = []
    for start, word in _chosen(document, strength, draw):
        others = [other for other in (word.lower(), word.upper(), word.title()) if other != word]
        if others:
            edits.append(Edit(start, start + len(word), draw.choice(others)))
    return edits


def punctuation(document: Document, strength: float, draw: random.Random, _names: Names) -> list[Edit]:
    """Signs outside entities left out, and signs put behind words."""
    edits = []
    for start, word in _chosen(document, strength, draw):
        end = start + len(word)
        if not any(character.isalnum() for character in word):
            if not any(span.start < end and start < span.end for span in document.spans):
                edits.append(Edit(start, end, ""))
        elif not any(span.start < end < span.end for span in document.spans):
            edits.append(Edit(end, end, draw.choice(_PUNCTUATION)))
    return edits


def spacing(document: Document, strength: float, draw: random.Random, _names: Names) -> list[Edit]:
    """Words broken by a space, and words run together, though never an entity with what stands beside it."""
    edits = []
    bounds = {bound for span in document.spans for bound in (span.start, span.end)}
    for start, word in _chosen(document, strength, draw):
        end = start + len(word)
        choices = [Edit(start + match.start(), start + match.start(), " ") for match in _CLUSTERS.finditer(word, 1)]
        if document.text[end : end + 1] == " " and not {end, end + 1} & bounds:
            choices += [Edit(end, end + 1, "")] * max(1, len(choices))
        if choices:
            edits.append(draw.choice(choices))
    return edits


def scanning(document: Document, strength: float, draw: random.Random, _names: Names) -> list[Edit]:
    """One letter a word misread for one of its shape, as by optical character recognition."""
    return _replaced(document, strength, draw, _MISREAD)


def lookalikes(document: Document, strength: float, draw: random.Random, _names: Names) -> list[Edit]:
    """One letter a word from another alphabet with the same shape, or written with other code points."""
    return _replaced(document, strength, draw, _LOOKALIKES)


def other_names(document: Document, strength: float, draw: random.Random, names: Names) -> list[Edit]:
    """Entities replaced by other names of the same label."""
    return [
        Edit(span.start, span.end, draw.choice(names[span.label]))
        for number, span in enumerate(document.spans)
        if draw.random() < strength
        and names.get(span.label)
        and not any(
            other.start < span.end and span.start < other.end
            for place, other in enumerate(document.spans)
            if place != number
        )
    ]


def mixed_scripts(document: Document, strength: float, draw: random.Random, _names: Names) -> list[Edit]:
    """Words in another script: Devanagari and Bengali letters in Latin ones, and Latin in Devanagari."""
    edits = []
    for start, word in _chosen(document, strength, draw):
        other = transliterate(word)
        if other != word:
            edits.append(Edit(start, start + len(word), other))
    return edits


STRENGTHS = (0.1, 0.2, 0.4)
Perturbation = Callable[[Document, float, random.Random, Names], list[Edit]]
PERTURBATIONS: dict[str, Perturbation] = {
    "typos": typos,
    "casing": casing,
    "punctuation": punctuation,
    "spacing": spacing,
    "scanning": scanning,
    "look-alikes": lookalikes,
    "other names": other_names,
    "mixed scripts": mixed_scripts,
}


def _chosen(document: Document, strength: float, draw: random.Random) -> Iterator[tuple[int, str]]:
    """Words that are drawn, each with this chance, as ``(start, text)``."""
    for start, end in document.words():
        if draw.random() < strength:
            yield start, document.text[start:end]


def _replaced(document: Document, strength: float, draw: random.Random, pairs: Sequence[tuple[str, str]]) -> list[Edit]:
    edits = []
    for start, word in _chosen(document, strength, draw):
        choices = [
            Edit(start + place, start + place + len(old), new)
            for old, new in pairs
            for place in range(len(word))
            if word.startswith(old, place)
        ]
        if choices:
            edits.append(draw.choice(choices))
    return edits


@cache
def _neighbours() -> dict[str, str]:
    """Letters on the keys around a letter's, of its own kind: a vowel sign never takes a consonant's place."""
    near: dict[str, str] = {}
    for rows in _KEYBOARDS:
        places = {
            letter: (row, column) for row, keys in enumerate(rows) for column, key in enumerate(keys) for letter in key
        }
        for letter, (row, column) in places.items():
            near[letter] = "".join(
                other
                for other, (line, place) in places.items()
                if other != letter
                and abs(line - row) <= 1
                and abs(place - column) <= 1
                and unicodedata.category(other)[0] == unicodedata.category(letter)[0]
            )
    near |= {letter.upper(): keys.upper() for letter, keys in near.items() if letter.isascii()}
    return {letter: keys for letter, keys in near.items() if keys}
