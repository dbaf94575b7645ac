"""doccano's JSON Lines: ``{"text": ..., "label": [[start, end, "PER"]]}`` (``entities`` in newer exports)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from onoma.corpus.formats import jsonl, rows
from onoma.corpus.reading import Format, Options, ReadLog, check_text
from onoma.document import Document
from onoma.errors import DataError
from onoma.files import atomic_file


def is_row(row: rows.Row) -> bool:
    """Tells doccano's rows from other JSON Lines with text."""
    if not isinstance(row.get("text"), str) or "spans" in row:
        return False
    found = row.get("label", row.get("entities"))
    return isinstance(found, list) and all(
        isinstance(item, list) or (isinstance(item, dict) and "start_offset" in item) for item in found
    )


def read(path: Path, log: ReadLog, options: Options) -> Iterator[Document]:
    """Yield a document a line. Relations between entities are counted as left out."""
    for place, row in jsonl.json_rows(path, log):
        try:
            if not is_row(row):
                raise DataError("not a doccano row", mend='It reads: {"text": ..., "label": [[0, 5, "PER"]]}.')
            if isinstance(row.get("relations"), list):
                log.mended["doccano relations left out"] += len(row["relations"])
            spans = tuple(rows.span_from(item) for item in row.get("label", row.get("entities")) or ())
            document = Document(row["text"], spans=spans, id=str(row.get("id") or ""))
            check_text(document)
        except DataError as error:
            log.bad_row(error, place)
            continue
        yield document


def write(documents: Iterable[Document], path: Path) -> None:
    """Write lines that doccano imports as sequence labelling."""
    with atomic_file(path) as beside, beside.open("w", encoding="utf-8", newline="\n") as handle:
        for document in documents:
            check_text(document)
            row = {"text": document.text, "label": [[span.start, span.end, span.label] for span in document.spans]}
            handle.write(json.dumps({"id": document.id, **row} if document.id else row, ensure_ascii=False) + "\n")


FORMAT = Format(
    name="doccano",
    suffixes=(".doccano.jsonl",),
    carries=frozenset({"spacing", "ids", "overlaps"}),
    read=read,
    write=write,
)
