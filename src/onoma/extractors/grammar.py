r"""Grammars under which a language model can write nothing but entities of one text, each behind the one before it.

A grammar is made for each text, in the Lark dialect of llguidance (https://github.com/guidance-ai/llguidance). It is a
chain over the text's words: a mention begins at some word that is still ahead, goes on word by word, and ends at a
word; what follows it can only begin behind it. So every answer is whole, every surface stands in the text on word
boundaries, and no answer is longer than the text allows, whatever the model would like to write.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from onoma.errors import OnomaError, nearest
from onoma.extractors.codecs import escape_inline, escape_json
from onoma.extractors.grounding import occurrences

OPEN_TYPE = r"/[^\W\d_][\w \-]{0,39}/"
"""Any type: up to forty letters, digits, spaces and hyphens, the first a letter."""

_LONGEST_RUN = 8
"""Words of a surface that is counted; a longer one takes a type at each of its places."""


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
    runs = _repeated(text, words) if codec == "json-map" else [{} for _ in words]
    rules = [f"start: {_literal(form.empty)} | {_literal(form.first)} m0", _types(labels, escape_json)]
    one = "types1" if codec == "json-map" else "TYPE"
    if codec == "json-map":
        rules += [_types_of_map(most) for most in sorted({1, *(run.times for own in runs for run in own.values())})]
    return "\n".join([*rules, *_chain(text, words, form, one, runs)])


@dataclass(frozen=True)
class _Run:
    """Words that stand in a text more than once.

    Args:
        times: how often.
        first: whether this is the first of their places.
    """

    times: int
    first: bool


def _repeated(text: str, words: Sequence[tuple[int, int]]) -> list[dict[int, _Run]]:
    """Runs of words that a text repeats: for each word those that end with it, by length.

    A key of a map stands for all of its places, so it is written at the first and takes no more types than there are.
    """
    find = functools.cache(lambda surface: occurrences(surface, text))
    counts = Counter(text[start:end] for start, end in words)
    runs: list[dict[int, _Run]] = [{} for _ in words]
    for number, (last, end) in enumerate(words):
        if counts[text[last:end]] == 1:
            continue
        for length in range(1, min(number + 1, _LONGEST_RUN) + 1):
            start = words[number - length + 1][0]
            places = find(text[start:end])
            if len(places) < 2:
                break
            runs[number][length] = _Run(len(places), places[0][0] >= start)
    return runs


def _chain(
    text: str, words: Sequence[tuple[int, int]], form: _Form, one: str, runs: Sequence[Mapping[int, _Run]]
) -> list[str]:
    """Rules of the words, from the first to the last.

    ``m`` looks for the next mention, ``s`` writes a word of it, ``e`` ends it or goes on, ``r`` comes behind its type.
    Within runs that the text repeats ``s`` and ``e`` know how long the mention is so far.
    """
    behind = f" {_literal(form.behind)}" if form.behind else ""
    chain: list[list[str]] = []
    follows: set[tuple[int, int]] = set()  # words that some mention can go on with
    searching = False  # whether a mention can begin behind this word
    for number in reversed(range(len(words))):
        start, end = words[number]
        rules = []
        for length in (0, *runs[number]):
            run = runs[number].get(length)
            ways = []
            if run is None or run.first:
                kind = f"types{run.times}" if run else one
                ways.append(f"{_literal(form.between)} {kind}{behind} r{number}")
            counted = length > 0 and number + 1 < len(words) and length + 1 in runs[number + 1]
            following = (number + 1, length + 1 if counted else 0)
            if following in follows:
                # A literal a character: the lexer follows the longer of two that begin alike, and never turns back.
                gap = [_literal(escape_json(character)) for character in text[end : words[number + 1][0]]]
                ways.append(" ".join([*gap, f"s{_name(following)}"]))
            if ways:
                follows.add((number, length))
                name = _name((number, length))
                rules += [f"s{name}: {_literal(escape_json(text[start:end]))} e{name}", f"e{name}: {' | '.join(ways)}"]
        begins = (number, 1 if 1 in runs[number] else 0)
        search = [f"s{_name(begins)}"] * (begins in follows) + [f"m{number + 1}"] * searching
        rest = f" | {_literal(form.following)} m{number + 1}" if searching else ""
        searching = bool(search)
        looks = [f"m{number}: {' | '.join(search)}"] if search else []
        chain.append([*looks, *rules, f"r{number}: {_literal(form.end)}{rest}"])
    return [rule for rules in reversed(chain) for rule in rules]


def _name(state: tuple[int, int]) -> str:
    number, length = state
    return f"{number}x{length}" if length else str(number)


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
