"""One file a format, each with a reader and a writer; this table is the list of them."""

from __future__ import annotations

from pathlib import Path

from onoma.corpus.formats import brat, conll, dataset, docbin, doccano, jsonl, label_studio, parquet
from onoma.corpus.reading import Format, lines, parse_json
from onoma.errors import DataError, nearest

FORMATS: dict[str, Format] = {
    module.FORMAT.name: module.FORMAT
    for module in (conll, jsonl, parquet, dataset, docbin, brat, label_studio, doccano)
}


def find_format(name: str) -> Format:
    """The format of that name.

    Raises:
        DataError: if there is none.
    """
    if name not in FORMATS:
        raise DataError(f"unknown format {name!r}", mend=nearest(name, FORMATS))
    return FORMATS[name]


def format_of_file(path: Path) -> Format | None:
    """The format that a file's ending tells; ``.jsonl`` files are looked into to know doccano's."""
    for kind in FORMATS.values():
        if path.name.endswith(kind.suffixes) and kind.suffixes:
            if kind is FORMATS["jsonl"] and path.is_file() and _is_doccano(path):
                return FORMATS["doccano"]
            return kind
    return None


def _is_doccano(path: Path) -> bool:
    for _, line in lines(path):
        if line.strip():
            try:
                row = parse_json(line)
            except DataError:
                return False
            return isinstance(row, dict) and doccano.is_row(row)
    return False
