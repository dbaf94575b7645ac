"""Shards: pieces of corpora on disk that are read by themselves, each about as much work as the others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from onoma.corpus.formats import jsonl, parquet, rows
from onoma.corpus.reading import ReadLog
from onoma.document import Document
from onoma.errors import DataError

SHARD_BYTES = 2_000_000
"""Text of a shard: some seconds to a minute of a tagger's work, so that little is lost with a worker."""
_PARQUET = ".parquet"
_JSON_LINES = (".jsonl", ".ndjson")
_TEXT = ".txt"


@dataclass(frozen=True, slots=True)
class Shard:
    """A piece of a file.

    Args:
        number: place among all shards.
        path: the file.
        begin, end: rows of a Parquet file, bytes of a file of lines; the end is exclusive.
    """

    number: int
    path: Path
    begin: int
    end: int


def cut(sources: Sequence[Path], size: int = SHARD_BYTES) -> list[Shard]:
    """Cut files into shards; text stays where it is.

    Args:
        sources: Parquet files, JSON Lines, plain text with a document a line, or folders of them.
        size: bytes of text in a shard, about.

    Raises:
        DataError: if a source is missing, has another format, or a folder holds no such file.

    Examples:
        >>> len(cut([Path("raw")]))  # doctest: +SKIP
        12
    """
    shards: list[Shard] = []
    for path in (file for source in sources for file in _files(source)):
        places = _rows(path, size) if path.suffix == _PARQUET else _lines(path, size)
        shards += [Shard(number, path, *place) for number, place in enumerate(places, start=len(shards))]
    return shards


def read_shard(shard: Shard) -> Iterator[Document]:
    """Yield the documents of a shard.

    Raises:
        DataError: at a row that is no document; file and row are named.
    """
    log = ReadLog()
    if shard.path.suffix == _PARQUET:
        yield from parquet.read_part(shard.path, log, {}, shard.begin, shard.end)
    elif shard.path.suffix in _JSON_LINES:
        yield from rows.documents_from_rows(lambda: jsonl.placed_rows(_lines_of(shard), log), log, {})
    else:
        for _, line in _lines_of(shard):
            yield Document(line)


def _files(source: Path) -> list[Path]:
    known = (_PARQUET, *_JSON_LINES, _TEXT)
    if not source.exists():
        raise DataError("no such file or folder", where=str(source))
    found = [source] if source.is_file() else sorted(path for path in source.iterdir() if path.suffix in known)
    if not found or found[0].suffix not in known:
        raise DataError("holds no text that can be cut", where=str(source), mend=f"Known: {', '.join(known)}.")
    return found


def _rows(path: Path, size: int) -> Iterator[tuple[int, int]]:
    metadata = parquet.metadata_of(path)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    weight = sum(group.total_byte_size for group in groups)
    step = math.ceil(metadata.num_rows / max(1, round(weight / size)))
    for begin in range(0, metadata.num_rows, max(1, step)):
        yield begin, min(begin + step, metadata.num_rows)


def _lines(path: Path, size: int) -> Iterator[tuple[int, int]]:
    total = path.stat().st_size
    with path.open("rb") as handle:
        begin = 0
        while begin < total:
            handle.seek(begin + size - 1)
            handle.readline()
            end = min(handle.tell(), total)
            yield begin, end
            begin = end


def _lines_of(shard: Shard) -> Iterator[tuple[str, str]]:
    """Lines that are not blank, each with its place."""
    with shard.path.open("rb") as handle:
        for begin, line in _raw_lines(handle, shard):
            try:
                text = line.rstrip(b"\r\n").decode("utf-8-sig" if begin == 0 else "utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"not UTF-8 (byte {begin + error.start + 1})", where=str(shard.path), mend="Save it as UTF-8."
                ) from error
            if text.strip():
                yield f"{shard.path}: byte {begin}", text


def _raw_lines(handle: BinaryIO, shard: Shard) -> Iterable[tuple[int, bytes]]:
    handle.seek(shard.begin)
    place = shard.begin
    while place < shard.end and (line := handle.readline()):
        yield place, line
        place += len(line)
