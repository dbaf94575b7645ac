"""JSON Lines: words with tags, or text with spans, a document a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from onoma.corpus.formats import rows
from onoma.corpus.reading import Format, Options, ReadLog, check_text, lines, parse_json
from onoma.document import Document
from onoma.errors import DataError
from onoma.files import atomic_file


def read(path: Path, log: ReadLog, options: Options) -> Iterator[Document]:
    """Yield the documents of a JSON Lines file."""
    yield from rows.documents_from_rows(lambda: json_rows(path, log), log, options)


def json_rows(path: Path, log: ReadLog) -> Iterator[tuple[str, rows.Row]]:
    """Place and object of each line that is not blank."""
    return placed_rows(((f"{path}:{number}", line) for number, line in lines(path)), log)


def placed_rows(placed: Iterable[tuple[str, str]], log: ReadLog) -> Iterator[tuple[str, rows.Row]]:
    """The same for lines that come with their places."""
    for place, line in placed:
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except DataError as error:
            log.bad_row(error, place)
            continue
        if not isinstance(row, dict):
            log.bad_row(DataError("not a JSON object"), place)
            continue
        yield place, row


def write(documents: Iterable[Document], path: Path) -> None:
    """Write text with spans, a document a line."""
    with atomic_file(path) as beside, beside.open("w", encoding="utf-8", newline="\n") as handle:
        for document in documents:
            check_text(document)
            handle.write(json.dumps(document.to_dict(), ensure_ascii=False) + "\n")


FORMAT = Format(
    name="jsonl",
    suffixes=(".jsonl", ".ndjson"),
    carries=frozenset({"spacing", "scores", "ids", "languages", "meta", "tokens", "overlaps"}),
    read=read,
    write=write,
    options=rows.OPTIONS,
)
