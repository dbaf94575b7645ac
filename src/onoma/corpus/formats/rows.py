"""Rows with named fields (JSON Lines, Parquet, Hugging Face datasets) as documents.

A row is either words with tags or text with spans. Which fields hold them is found by their usual names, or told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from onoma.corpus.reading import Options, ReadLog, check_text, parse_json
from onoma.document import Document, Span
from onoma.errors import DataError
from onoma.tagging import Scheme, detect_scheme, document_from_tags

Row = Mapping[str, Any]
Rows = Callable[[], Iterable[tuple[str, Row]]]

OPTIONS = {
    "words": "field with the list of words",
    "tags": "field with the list of tags",
    "tag_names": "comma-separated tag names, where tags are numbers",
    "text": "field with the text",
    "spans": "field with the spans",
    "language_field": "field with the language code",
    "scheme": "IO, IOB1, IOB2, BIOES or BILOU; found by itself if not given",
}

_USUAL = {
    "words": ("tokens", "words"),
    "tags": ("tags", "ner_tags", "labels", "ner"),
    "text": ("text", "sentence", "content"),
    "spans": ("spans", "entities", "annotations"),
    "language_field": ("language", "lang"),
}


def documents_from_rows(
    rows: Rows, log: ReadLog, options: Options, tag_names: Sequence[str] = ()
) -> Iterator[Document]:
    """Read rows as documents; they are gone through twice, first to tell the tagging scheme.

    Args:
        rows: makes a fresh iterator of ``(place, row)``; the place goes into error messages.
        log: collects bad and mended rows.
        options: see :data:`OPTIONS`.
        tag_names: names of numbered tags, where the source states them (``ClassLabel``).
    """
    named = str(options.get("tag_names", "")).split(",") if options.get("tag_names") else tag_names
    scheme: Scheme | None = options.get("scheme")
    for place, row in rows():
        try:
            words_field, tags_field = _field(row, "words", options), _field(row, "tags", options)
            if words_field and tags_field:
                if scheme is None:
                    scheme = _scheme(rows, tags_field, named)
                words = [str(word) for word in listed(row, words_field)]
                tags = _tag_names(listed(row, tags_field), named)
                document, mended = document_from_tags(words, tags, scheme, **_fields(row, options))
                if mended:
                    log.mended[f"tags that break {scheme}"] += mended
            else:
                document = _document_from_spans(row, options)
            check_text(document)
        except DataError as error:
            log.bad_row(error, place)
            continue
        yield document


def listed(row: Row, field: str) -> Sequence[Any]:
    """A field's list; a field that is missing or null has an empty one.

    Raises:
        DataError: if it holds something else.
    """
    value = row.get(field)
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise DataError(f"field {field!r} is no list: {_shown(value)}")
    return value


def span_from(item: Any) -> Span:
    """A span from ``{"start", "end", "label"}``, doccano's ``*_offset`` names, or ``[start, end, label]``.

    Raises:
        DataError: if it is none of these.
    """
    if isinstance(item, Mapping):
        start = item.get("start", item.get("start_offset"))
        end = item.get("end", item.get("end_offset"))
        label = item.get("label", item.get("type"))
        score = item.get("score")
    elif isinstance(item, Sequence) and not isinstance(item, str) and len(item) == 3:
        start, end, label = item
        score = None
    else:
        start = end = label = score = None
    if type(start) is not int or type(end) is not int or not isinstance(label, str):
        raise DataError(
            f"not a span: {_shown(item)}",
            mend="A span has a whole-number start and end, and a label.",
        )
    return Span(start, end, label, score)


def _document_from_spans(row: Row, options: Options) -> Document:
    text_field, spans_field = _field(row, "text", options), _field(row, "spans", options)
    if not text_field:
        raise DataError(
            f"no words and tags, and no text, among the fields {', '.join(map(repr, row)) or '(none)'}",
            mend="Tell the fields with --option words=... --option tags=..., or text=... and spans=....",
        )
    text = row[text_field]
    if not isinstance(text, str):
        raise DataError(f"field {text_field!r} is not text")
    return Document(
        text,
        spans=tuple(map(span_from, listed(row, spans_field))),
        tokens=None if row.get("tokens") is None else tuple(map(_token_from, listed(row, "tokens"))),
        **_fields(row, options),
    )


def _token_from(item: Any) -> tuple[int, int]:
    if not isinstance(item, Sequence) or len(item) != 2 or any(type(place) is not int for place in item):
        raise DataError(f"not a token: {_shown(item)}", mend="Beside a text, tokens are pairs of start and end.")
    return item[0], item[1]


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:80]


def _fields(row: Row, options: Options) -> dict[str, Any]:
    language_field = _field(row, "language_field", options)
    meta = row.get("meta") or {}
    if isinstance(meta, str):
        meta = parse_json(meta)
    if not isinstance(meta, Mapping):
        raise DataError(f"field 'meta' is no table: {_shown(meta)}")
    return {
        "id": str(row.get("id") or ""),
        "language": str(row[language_field] or "") if language_field else "",
        "meta": meta,
    }


def _field(row: Row, role: str, options: Options) -> str:
    told = options.get(role)
    if told:
        if told not in row:
            raise DataError(f"no field {told!r}", mend=f"The row has: {', '.join(map(str, row))}.")
        return str(told)
    for name in _USUAL[role]:
        # "tokens" beside "text" are offsets, not words.
        if name in row and not (role == "words" and row[name] and not _are_words(row[name])):
            return name
    return ""


def _are_words(value: Any) -> bool:
    return isinstance(value, Sequence) and isinstance(value[0], str)


def _tag_names(tags: Sequence[Any], names: Sequence[str]) -> list[str]:
    result = []
    for tag in tags:
        if isinstance(tag, int):
            if not names:
                raise DataError(
                    "the tags are numbers and nothing names them", mend="Say --option tag_names=O,B-PER,..."
                )
            if not 0 <= tag < len(names):
                raise DataError(f"tag number {tag} has no name; there are {len(names)}")
            result.append(names[tag])
        else:
            result.append(str(tag))
    return result


def _scheme(rows: Rows, tags_field: str, names: Sequence[str]) -> Scheme:
    def sequences() -> Iterator[list[str]]:
        for _, row in rows():
            try:
                yield _tag_names(listed(row, tags_field), names)
            except DataError:
                # The reading pass meets the same row again and reports it with its place.
                continue

    return detect_scheme(sequences())
