r"""Grammars under which a language model can write nothing but entities of one text, each behind the one before it.

A grammar is made for each text, in the Lark dialect of llguidance (https://github.com/guidance-ai/llguidance). It is a
chain over the text's words: a mention begins at some word that is still ahead, goes on word by word, and ends at a
word; what follows it can only begin behind it. So every answer is whole, every surface stands in the text on word
boundaries, and no answer is longer than the text allows, whatever the model would like to write.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from onoma.errors import OnomaError, nearest
from onoma.extractors.codecs import escape_inline, escape_json

OPEN_TYPE = r"/[^\W\d_][\w \-]{0,39}/"
"""Any type: up to forty letters, digits, spaces and hyphens, the first a letter."""


@dataclass(frozen=True)
class _Form:
    """The fixed parts of a JSON format.

    Args:
        empty: the answer without entities.
        first: what stands before the first surface.
        between: between a surface and its type.
        behind: behind a type.
        following: before a further surface.
        end: behind the last type.
    """

    empty: str
    first: str
    between: str
    behind: str
    following: str
    end: str


_FORMS = {
    "json-map": _Form("{}", '{"', '": ', "", ', "', "}"),
    "json-list": _Form("[]", '[["', '", "', '"]', ', ["', "]"),
    "json-objects": _Form('{"entities": []}', '{"entities": [{"text": "', '", "type": "', '"}', ', {"text": "', "]}"),
}


def make_grammar(codec: str, text: str, words: Sequence[tuple[int, int]], labels: Sequence[str] | None = None) -> str:
    r"""The grammar of the answers that a codec can give for a text.

    Args:
        codec: name of a codec.
        text: that the entities are found in.
        words: offsets of its words, sorted and disjoint; surfaces are runs of whole words.
        labels: the only types there are; None allows any, see :data:`OPEN_TYPE`.

    Raises:
        OnomaError: for a codec that has no grammar.

    Examples:
        >>> print(make_grammar("json-list", "In Rome", [(0, 2), (3, 7)], ["LOC"]))
        start: "[]" | "[[\"" m0
        TYPE: "LOC"
        m0: s0 | m1
        s0: "In" e0
        e0: "\", \"" TYPE "\"]" r0 | " " s1
        r0: "]" | ", [\"" m1
        m1: s1
        s1: "Rome" e1
        e1: "\", \"" TYPE "\"]" r1
        r1: "]"
    """
    if codec == "inline":
        return _inline(text, words, labels)
    if codec not in _FORMS:
        raise OnomaError(f"no grammar for the codec {codec!r}", mend=nearest(codec, [*_FORMS, "inline"]))
    form = _FORMS[codec]
    if not words:
        return f"start: {_literal(form.empty)}"
    rules = [f"start: {_literal(form.empty)} | {_literal(form.first)} m0", _types(labels, escape_json)]
    kinds = ["TYPE"] * len(words)
    if codec == "json-map":
        # A surface comes no oftener than its last word.
        counts = Counter(text[start:end] for start, end in words)
        kinds = [f"types{counts[text[start:end]]}" for start, end in words]
        rules += [_types_of_map(most) for most in sorted(set(counts.values()))]
    last = len(words) - 1
    for number, (start, end) in enumerate(words):
        behind = f" {_literal(form.behind)}" if form.behind else ""
        entity_ends = f"{_literal(form.between)} {kinds[number]}{behind} r{number}"
        if number == last:
            rules += [f"m{number}: s{number}", f"e{number}: {entity_ends}", f"r{number}: {_literal(form.end)}"]
        else:
            # A literal a character: the lexer follows the longer of two that begin alike, and never turns back.
            gap = [_literal(escape_json(character)) for character in text[end : words[number + 1][0]]]
            goes_on = " ".join([*gap, f"s{number + 1}"])
            rules += [
                f"m{number}: s{number} | m{number + 1}",
                f"e{number}: {entity_ends} | {goes_on}",
                f"r{number}: {_literal(form.end)} | {_literal(form.following)} m{number + 1}",
            ]
        rules.insert(-2, f"s{number}: {_literal(escape_json(text[start:end]))} e{number}")
    return "\n".join(rules)


def _types_of_map(most: int) -> str:
    """A type, or a list with a type for each of at most so many mentions."""
    one = r'"\"" TYPE "\""'
    several = rf'"[" {one} (", " {one}){{1,{most - 1}}} "]"'
    return f"types{most}: {one}" + (f" | {several}" if most > 1 else "")


def _inline(text: str, words: Sequence[tuple[int, int]], labels: Sequence[str] | None) -> str:
    """The text itself; at a word that is in no brackets some may open, at the end of one they may close."""
    bounds = [*words, (len(text), len(text))]
    rules = [f"start: {_parts(escape_inline(text[: bounds[0][0]]), 'c0')}", _types(labels, escape_inline)]
    for number, ((start, end), (following, _)) in enumerate(zip(words, bounds[1:], strict=False)):
        word, gap = escape_inline(text[start:end]), escape_inline(text[end:following])
        after = _parts(gap, f"c{number + 1}")
        closed = f'"|" TYPE "]" {after}'
        goes_on = f" | {_parts(gap, f's{number + 1}')}" if number + 1 < len(words) else ""
        rules += [
            f'c{number}: {_parts(word + gap, f"c{number + 1}")} | "[" s{number}',
            f"s{number}: {_literal(word)} e{number}",
            f"e{number}: {closed}{goes_on}",
        ]
    return "\n".join([*rules, f'c{len(words)}: ""'])


def _parts(literal: str, rule: str) -> str:
    return f"{_literal(literal)} {rule}" if literal else rule


def _types(labels: Sequence[str] | None, escape: Callable[[str], str]) -> str:
    return "TYPE: " + (OPEN_TYPE if labels is None else " | ".join(_literal(escape(label)) for label in labels))


def _literal(text: str) -> str:
    """A Lark string of exactly this text."""
    return json.dumps(text.encode("utf-8", "replace").decode())
