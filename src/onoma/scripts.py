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

    Examples:
        >>> "অসমৰ".translate(rewriting(["assamese-as-bengali"]))
        'অসমর'
    """
    table: dict[int, str] = {}
    for name in names:
        if name not in REWRITINGS:
            raise RecipeError(f"no rewriting {name!r}", where="rewrite", mend=nearest(name, REWRITINGS))
        table |= REWRITINGS[name]
    return table


_VIRAMA = "्"


def _pairs(text: str) -> dict[str, str]:
    """``"क k ख kh"`` → ``{"क": "k", "ख": "kh"}``."""
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


_CONSONANTS = _pairs(
    "क k ख kh ग g घ gh ङ ng च ch छ chh ज j झ jh ञ ny ट t ठ th ड d ढ dh ण n त t थ th द d ध dh न n "
    "प p फ ph ब b भ bh म m य y र r ल l व v श sh ष sh स s ह h ळ l"
)
_VOWELS = _pairs("अ a आ a इ i ई i उ u ऊ u ऋ ri ए e ऐ ai ओ o औ au")
_SIGNS = _pairs("ा a ि i ी i ु u ू u ृ ri े e ै ai ो o ौ au")
_ENDINGS = {"ं": "n", "ँ": "n", "ः": "h", _VIRAMA: "", "़": ""}
_BENGALI_ONLY = _pairs("ৰ र ৱ व ৎ त ড় र ঢ় र য় य")
_LATIN_CONSONANTS = _pairs(
    "chh छ sh श ch च th थ ph फ kh ख gh घ bh भ dh ध ck क b ब c क d ड f फ g ग h ह j ज k क l ल m म n न p प q क r र "
    "s स t ट v व w व x क y य z ज"
)
_LATIN_VOWELS = {"oo": "ू", "ee": "ी", "ai": "ै", "au": "ौ", "a": "", "e": "े", "i": "ि", "o": "ो", "u": "ु"}
_ALONE = {"": "अ", "ू": "ऊ", "ी": "ई", "ै": "ऐ", "ौ": "औ", "े": "ए", "ि": "इ", "ो": "ओ", "ु": "उ"}


def transliterate(word: str) -> str:
    """A word as people write it in another script when they mix languages, by rough rules without a dictionary.

    Devanagari and Bengali letters become Latin ones; a word of Latin letters becomes Devanagari. What is neither stays.

    Examples:
        >>> transliterate("दिल्ली"), transliterate("নগৰ"), transliterate("server")
        ('dilli', 'nagar', 'सेर्वेर')
    """
    return _to_devanagari(word) if word.isascii() else _to_latin(word)


def _to_latin(word: str) -> str:
    for letter, other in _BENGALI_ONLY.items():
        word = word.replace(letter, other)
    letters = [chr(ord(letter) - _TO_BENGALI) if 0x0980 <= ord(letter) < 0x0A00 else letter for letter in word]
    result = []
    for letter, following in zip(letters, [*letters[1:], ""], strict=True):
        result.append(
            _CONSONANTS.get(letter) or _VOWELS.get(letter) or _SIGNS.get(letter) or _ENDINGS.get(letter, letter)
        )
        # A consonant is followed by a, unless another vowel, a sign that takes it away, or the word's end comes.
        if letter in _CONSONANTS and following in _CONSONANTS.keys() | _VOWELS.keys() | {"ं", "ँ", "ः"}:
            result.append("a")
    return "".join(result)


def _to_devanagari(word: str) -> str:
    result: list[str] = []
    after_consonant = False
    rest = word.lower()
    while rest:
        part = next((part for part in (rest[:3], rest[:2], rest[:1]) if part in _LATIN_CONSONANTS | _LATIN_VOWELS), "")
        if not part:
            part, after_consonant = rest[0], False
            result.append(part)
        elif part in _LATIN_CONSONANTS:
            result.append((_VIRAMA if after_consonant else "") + _LATIN_CONSONANTS[part])
            after_consonant = True
        else:
            sign = _LATIN_VOWELS[part]
            result.append(sign if after_consonant else _ALONE[sign])
            after_consonant = False
        rest = rest[len(part) :]
    return "".join(result)
