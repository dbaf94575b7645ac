"""How entities are written as text: one object renders the target that a model learns, and parses what it answers.

================  ===================================================================================
``json-map``      ``{"Ann": "PER", "Rome": ["LOC", "ORG"]}``: surfaces in the order of their first mention;
                  a list has a type for each mention
``json-list``     ``[["Ann", "PER"], ["Rome", "LOC"]]``: mentions in order, repeats allowed
``json-objects``  ``{"entities": [{"text": "Ann", "type": "PER"}]}``: the same as JSON schemas can say it
``inline``        ``[Ann|PER] is in [Rome|LOC]``: the text itself with its spans in brackets
================  ===================================================================================
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import regex

from onoma.document import Document, Span
from onoma.errors import OnomaError, nearest
from onoma.extractors.grounding import Grounded, Mention, ground, occurrences


@dataclass(frozen=True)
class Parsed:
    """What an answer says.

    Args:
        mentions: in order.
        faults: what is wrong with its form, in words; what could be read is in ``mentions`` all the same.
    """

    mentions: list[Mention]
    faults: list[str] = field(default_factory=list)


class Codec(ABC):
    """Renders spans to text, parses text to mentions, and puts mentions back in their places."""

    name: str

    @abstractmethod
    def render(self, document: Document) -> str:
        """The document's spans in this format."""

    @abstractmethod
    def parse(self, answer: str) -> Parsed:
        """Read an answer; never fails, whatever a model wrote."""

    def place(self, mentions: Sequence[Mention], text: str) -> list[Grounded]:
        """Find the mentions of an answer in the text."""
        return ground(mentions, text)

    def decode(self, answer: str, text: str) -> list[Span]:
        """Spans of an answer, sorted; what is not in the text is left out."""
        placed = self.place(self.parse(answer).mentions, text)
        return sorted({found.span for found in placed if found.span is not None})

    def expresses(self, document: Document) -> bool:
        """Whether this format can carry the document's spans, so that decoding gives the same ones again."""
        plain = [Span(span.start, span.end, span.label) for span in document.spans]
        return self.decode(self.render(document), document.text) == plain


class JsonMap(Codec):
    """A surface's type, or a list with a type for each of its mentions; all mentions of a surface are entities."""

    name = "json-map"

    def render(self, document: Document) -> str:
        """See :class:`Codec`."""
        types: dict[str, list[str]] = {}
        for span in document.spans:
            types.setdefault(document.surface(span), []).append(span.label)
        return _to_json({surface: _one_or_all(labels) for surface, labels in types.items()})

    def parse(self, answer: str) -> Parsed:
        """See :class:`Codec`."""
        pairs, faults = _read_json(answer)
        mentions = []
        if not isinstance(pairs, _Pairs):
            return Parsed([], [*faults, "no JSON object"])
        for surface, types in pairs:
            for label in types if isinstance(types, list) else [types]:
                if isinstance(label, str) and label and surface:
                    mentions.append(Mention(surface, label))
                else:
                    faults.append(f"{surface!r} has no type that is text")
        return Parsed(mentions, faults)

    def place(self, mentions: Sequence[Mention], text: str) -> list[Grounded]:
        """Every occurrence of a surface gets its type; the n-th gets the n-th where it has several."""
        types: dict[str, list[Mention]] = {}
        for mention in mentions:
            types.setdefault(mention.surface, []).append(mention)
        placed: list[Grounded] = []
        for surface, group in types.items():
            places = occurrences(surface, text)
            if not places:
                placed += ground(group, text)
                continue
            for number, (start, end) in enumerate(places[: len(group)] if len(group) > 1 else places):
                mention = group[number] if len(group) > 1 else group[0]
                placed.append(Grounded(mention, Span(start, end, mention.label, mention.score), "exact"))
            placed += [Grounded(mention, None, "unmatched") for mention in group[max(1, len(places)) :]]
        return placed


class JsonList(Codec):
    """Pairs of surface and type in the order of the text."""

    name = "json-list"

    def render(self, document: Document) -> str:
        """See :class:`Codec`."""
        return _to_json([[document.surface(span), span.label] for span in document.spans])

    def parse(self, answer: str) -> Parsed:
        """See :class:`Codec`."""
        items, faults = _read_json(answer)
        if not isinstance(items, list) or isinstance(items, _Pairs):
            return Parsed([], [*faults, "no JSON list"])
        mentions = []
        for item in items:
            pair = [value for _, value in item] if isinstance(item, _Pairs) else item
            if isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) and part for part in pair):
                mentions.append(Mention(pair[0], pair[1]))
            else:
                faults.append(f"not a pair of surface and type: {str(item)[:40]}")
        return Parsed(mentions, faults)


class JsonObjects(Codec):
    """Objects of surface and type in the order of the text, inside an object: what strict JSON schemas can describe."""

    name = "json-objects"

    def render(self, document: Document) -> str:
        """See :class:`Codec`."""
        entities = [{"text": document.surface(span), "type": span.label} for span in document.spans]
        return _to_json({"entities": entities})

    def parse(self, answer: str) -> Parsed:
        """See :class:`Codec`."""
        root, faults = _read_json(answer)
        entities = dict(root).get("entities") if isinstance(root, _Pairs) else root
        if not isinstance(entities, list):
            return Parsed([], [*faults, "no list of entities"])
        mentions = []
        for item in entities:
            fields = dict(item) if isinstance(item, _Pairs) else {}
            surface, label = fields.get("text"), fields.get("type")
            if isinstance(surface, str) and isinstance(label, str) and surface and label:
                mentions.append(Mention(surface, label))
            else:
                faults.append(f"not an object of text and type: {str(item)[:40]}")
        return Parsed(mentions, faults)


class Inline(Codec):
    r"""The text itself with spans as ``[surface|TYPE]``; brackets, bars and backslashes of the text are escaped."""

    name = "inline"

    _MARKUP = regex.compile(
        r"\\(?P<plain>[\[\]|\\])|\[(?P<surface>(?:\\.|[^\[\]|\\])+)\|(?P<label>(?:\\.|[^\[\]|\\])+)\]"
    )
    _SPECIAL = regex.compile(r"[\[\]|\\]")

    def render(self, document: Document) -> str:
        """See :class:`Codec`. A span that overlaps an earlier one cannot be written and is left out."""
        parts: list[str] = []
        position = 0
        for span in document.spans:
            if span.start >= position:
                parts.append(escape_inline(document.text[position : span.start]))
                parts.append(f"[{escape_inline(document.surface(span))}|{escape_inline(span.label)}]")
                position = span.end
        return "".join([*parts, escape_inline(document.text[position:])])

    def parse(self, answer: str) -> Parsed:
        """See :class:`Codec`. Mentions alone; :meth:`decode` also uses what stands between them."""
        mentions = [
            Mention(self._plain(match["surface"]), self._plain(match["label"]))
            for match in self._MARKUP.finditer(answer)
            if match["surface"]
        ]
        rest = self._MARKUP.sub("", answer)
        return Parsed(mentions, ["brackets that do not close"] if self._SPECIAL.search(rest) else [])

    def decode(self, answer: str, text: str) -> list[Span]:
        """Spans of an answer; where the answer is not the text, its mentions are found in the text by order."""
        spans: list[Span] = []
        copied: list[str] = []
        size = position = 0
        for match in self._MARKUP.finditer(answer):
            before = answer[position : match.start()]
            surface = match["plain"] or self._plain(match["surface"])
            size += len(before)
            if match["surface"]:
                spans.append(Span(size, size + len(surface), self._plain(match["label"])))
            copied += [before, surface]
            size += len(surface)
            position = match.end()
        copied.append(answer[position:])
        return spans if "".join(copied) == text else super().decode(answer, text)

    @staticmethod
    def _plain(text: str) -> str:
        return regex.sub(r"\\(.)", r"\1", text, flags=regex.DOTALL)


CODECS: dict[str, Codec] = {codec.name: codec for codec in (JsonMap(), JsonList(), JsonObjects(), Inline())}


def find_codec(name: str) -> Codec:
    """A codec by name.

    Raises:
        OnomaError: for a name that is not known.
    """
    if name not in CODECS:
        raise OnomaError(f"no codec {name!r}", mend=nearest(name, CODECS))
    return CODECS[name]


def escape_json(text: str) -> str:
    r"""A text as it stands between the quotes of a JSON string.

    Examples:
        >>> escape_json('say "so"')
        'say \\"so\\"'
    """
    return json.dumps(text, ensure_ascii=False)[1:-1]


def escape_inline(text: str) -> str:
    r"""A text as it stands in the codec ``inline``.

    Examples:
        >>> escape_inline("a[0]")
        'a\\[0\\]'
    """
    return Inline._SPECIAL.sub(lambda match: f"\\{match.group()}", text)


class _Pairs(list[Any]):
    """A JSON object as its pairs, so that a key that comes twice is not lost."""


def _read_json(answer: str) -> tuple[Any, list[str]]:
    """The first JSON value in an answer, with whatever stands around it or is missing at its end."""
    starts = [place for place in (answer.find("{"), answer.find("[")) if place >= 0]
    if not starts:
        return None, ["no JSON"]
    text = answer[min(starts) :]
    faults = [] if answer[: min(starts)].strip() == "" else ["text before the JSON"]
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs)
    try:
        value, end = decoder.raw_decode(text)
        return value, [*faults, *(["text after the JSON"] if text[end:].strip() else [])]
    except (json.JSONDecodeError, RecursionError):
        pass
    for end in _cuts(text):
        try:
            return decoder.decode(text[:end] + _closing(text[:end])), [*faults, "JSON that breaks off"]
        except (json.JSONDecodeError, RecursionError):
            continue
    return None, [*faults, "no JSON"]


def _cuts(text: str) -> list[int]:
    """Places, from the end, where a broken answer can be cut: behind a value."""
    return [match.end() for match in regex.finditer(r'["\]}]', text)][-50:][::-1]


def _closing(text: str) -> str:
    """The brackets that are open at the end of a JSON text."""
    without_strings = regex.sub(r'"(?:\\.|[^"\\])*"', "", text)
    closing = ""
    for character in without_strings:
        if character in "{[":
            closing = {"{": "}", "[": "]"}[character] + closing
        elif character in "}]":
            closing = closing[1:]
    return closing


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _one_or_all(labels: Sequence[str]) -> str | list[str]:
    return labels[0] if len(set(labels)) == 1 else list(labels)
