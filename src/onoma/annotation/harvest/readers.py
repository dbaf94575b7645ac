"""Text out of files and datasets, one document at a time."""

from __future__ import annotations

import csv
import glob
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from onoma.annotation.harvest.sources import Dataset, Files
from onoma.corpus.formats import format_of_file, hub
from onoma.corpus.formats.rows import documents_from_rows
from onoma.corpus.reading import ReadLog, lines
from onoma.document import Document
from onoma.errors import DataError, nearest

Markup = Literal["plain", "markdown", "html", "wikitext"]

_MARKUP: dict[str, Markup] = {".txt": "plain", ".md": "markdown", ".html": "html", ".htm": "html"}
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_LARGEST = 20_000_000
_PARAGRAPH = 100_000
"""Characters after which a paragraph ends at the next line, so that a file without empty lines fits into memory."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A document as its source has it.

    Args:
        document: text with markup, and what is known of it; spans only where the text is to stay as it is.
        markup: what the text is written in.
    """

    document: Document
    markup: Markup = "plain"


def read_files(source: Files, log: ReadLog) -> Iterator[Raw]:
    """Documents of files, in the order of their names; ids are paths with line or row numbers.

    Raises:
        DataError: if a pattern names no file, or a file's ending tells no kind of text.
    """
    for path in _paths([source.files] if isinstance(source.files, str) else source.files):
        if path.suffix in _TABLES:
            documents: Iterable[Raw] = map(Raw, _table(path, source, log))
        else:
            documents = _texts(path, source.unit, log)
        for raw in documents:
            language = raw.document.language or source.language
            yield replace(raw, document=replace(raw.document, language=language, spans=(), tokens=None))


def read_dataset(source: Dataset, log: ReadLog) -> Iterator[Raw]:
    """Documents of a dataset's split.

    Raises:
        DataError: if it cannot be had, or has no such split.
    """
    options = {"text": source.column}
    if source.dataset.startswith("hub:"):
        splits = hub.read_hub(source.dataset.removeprefix("hub:"), log, options)
    elif hub.is_saved_dataset(Path(source.dataset)):
        splits = hub.read_saved(Path(source.dataset), log, options)
    else:
        raise DataError(
            "no saved dataset",
            where=source.dataset,
            mend="Name hub:REPO[:CONFIG] or a folder of save_to_disk; for single files, use files.",
        )
    if source.split not in splits:
        raise DataError(f"no split {source.split!r}", where=source.dataset, mend=nearest(source.split, splits))
    for number, document in enumerate(islice(splits[source.split], source.limit), start=1):
        known = document.id or f"{source.split}:{number}"
        language = source.language or document.language
        yield Raw(replace(document, id=known, language=language, spans=(), tokens=None))


def _paths(patterns: Sequence[str]) -> Iterator[Path]:
    for pattern in patterns:
        if Path(pattern).is_dir():
            found = sorted(path for path in Path(pattern).rglob("*") if path.suffix in (*_MARKUP, *_TABLES))
        else:
            found = sorted(Path(name) for name in glob.glob(pattern, recursive=True))  # noqa: PTH207 — any root
        if not found:
            raise DataError("no such file", where=pattern, mend=f"Known endings: {' '.join((*_MARKUP, *_TABLES))}.")
        yield from found


def _texts(path: Path, unit: str, log: ReadLog) -> Iterator[Raw]:
    markup = _MARKUP.get(path.suffix)
    if markup is None:
        raise DataError("the ending tells no kind of text", where=str(path), mend=f"Known: {' '.join(_MARKUP)}.")
    if markup == "plain" and unit != "document":
        yield from (Raw(document) for document in _units(path, unit, log))
        return
    if path.stat().st_size > _LARGEST:
        raise DataError(
            f"{path.stat().st_size / 1e6:.0f} MB are too much for one document",
            where=str(path),
            mend="Say unit: paragraph or unit: line.",
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        log.bad_row(DataError(f"not UTF-8 (byte {error.start + 1})"), str(path))
        return
    yield Raw(Document(text, id=str(path)), markup)


def _units(path: Path, unit: str, log: ReadLog) -> Iterator[Document]:
    begun, kept, size = 1, list[str](), 0
    try:
        for number, line in lines(path):
            if line.strip():
                begun = begun if kept else number
                kept.append(line)
                size += len(line)
            if kept and (unit == "line" or not line.strip() or size > _PARAGRAPH):
                yield Document("\n".join(kept), id=f"{path}:{begun}")
                kept, size = [], 0
    except DataError as error:
        log.bad_row(error, str(path))
    if kept:
        yield Document("\n".join(kept), id=f"{path}:{begun}")


def _table(path: Path, source: Files, log: ReadLog) -> Iterator[Document]:
    options = {"text": source.column}
    if source.language_column:
        options["language_field"] = source.language_column
    if path.suffix in (".csv", ".tsv"):
        documents = documents_from_rows(_csv_rows(path), log, options)
    else:
        kind = format_of_file(path)
        assert kind is not None, "the endings of tables are those of formats"
        documents = kind.read(path, log, options)
    for number, document in enumerate(documents, start=1):
        yield document if document.id else replace(document, id=f"{path}:{number}")


def _csv_rows(path: Path) -> Callable[[], Iterator[tuple[str, dict[str, Any]]]]:
    def rows() -> Iterator[tuple[str, dict[str, Any]]]:
        csv.field_size_limit(sys.maxsize)
        with path.open(encoding="utf-8-sig", newline="") as handle:
            table = csv.DictReader(handle, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True)
            try:
                for row in table:
                    yield f"{path}:{table.line_num}", {name: value or "" for name, value in row.items() if name}
            except (csv.Error, UnicodeDecodeError) as error:
                raise DataError(f"not a table ({error})", where=f"{path}:{table.line_num + 1}") from error

    return rows
