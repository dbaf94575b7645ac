"""Letters of one script or orthography in another's place, so that languages share what a base knows of them.

A base has often read much of one language and little of its neighbour. Where the two write the same words with other
letters, the neighbour's words can be shown to the base in the letters that it knows (as Muller et al. 2021,
https://aclanthology.org/2021.naacl-main.38, do by transliteration). Only the tokenizer sees the rewriting; text,
offsets and surfaces stay as they are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from onoma.errors import RecipeError, nearest

_DEVANAGARI = range(0x0900, 0x0980)
_TO_BENGALI = 0x80
"""The blocks of the Indic scripts are laid out alike, after ISCII."""


def _devanagari_as_bengali() -> dict[int, str]:
    table = {}
    for code in _DEVANAGARI:
        if unicodedata.name(chr(code + _TO_BENGALI), "").startswith("BENGALI"):
            table[code] = chr(code + _TO_BENGALI)
    # Letters that Bengali writes with another one: v, retroflex l, and consonants with a dot below for foreign sounds.
    table |= {ord(letter): other for letter, other in zip("वळऴनरऩऱ", "বললনরনর", strict=True)}
    table |= {ord(letter): other for letter, other in zip("\u0958\u0959\u095a\u095b\u095e", "কখগজফ", strict=True)}
    table |= {ord(letter): other for letter, other in zip("ऍऎऑऒॅॆॉॊ", "এএওওেেোো", strict=True)}
    return table


REWRITINGS: dict[str, dict[int, str]] = {
    "assamese-as-bengali": {ord("ৰ"): "র", ord("ৱ"): "ব"},
    "devanagari-as-bengali": _devanagari_as_bengali(),
}
"""Tables for :meth:`str.translate`, by name."""


def rewriting(names: Sequence[str]) -> dict[int, str]:
    """One table that does what all of these do.

    Raises:
        RecipeError: for a name that is not known.

    Example:
        >>> "অসমৰ".translate(rewriting(["assamese-as-bengali"]))
        'অসমর'
    """
    table: dict[int, str] = {}
    for name in names:
        if name not in REWRITINGS:
            raise RecipeError(f"no rewriting {name!r}", where="rewrite", mend=nearest(name, REWRITINGS))
        table |= REWRITINGS[name]
    return table
