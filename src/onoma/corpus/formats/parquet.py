"""Parquet: any of the row layouts of :mod:`onoma.corpus.formats.rows`, typed columns, compressed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from onoma.corpus.corpus import arrow_batches, arrow_schema
from onoma.corpus.formats import rows
from onoma.corpus.reading import Format, Options, ReadLog
from onoma.document import Document
from onoma.errors import DataError
from onoma.files import atomic_file


def read(path: Path, log: ReadLog, options: Options) -> Iterator[Document]:
    """Yield the documents of a Parquet file, a batch of rows in memory at a time."""
    return read_part(path, log, options)


def read_part(path: Path, log: ReadLog, options: Options, begin: int = 0, end: float = math.inf) -> Iterator[Document]:
    """Yield the documents of some rows; groups of rows that hold none of them are not read."""
    import datasets
    import pyarrow.parquet as pq

    metadata = metadata_of(path)
    features = datasets.Features.from_arrow_schema(metadata.schema.to_arrow_schema())
    sizes = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    firsts = [0, *itertools.accumulate(sizes)]
    groups = [number for number, size in enumerate(sizes) if firsts[number] < end and firsts[number] + size > begin]

    def iterate() -> Iterator[tuple[str, rows.Row]]:
        number = firsts[groups[0]] if groups else 0
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1_000, row_groups=groups):
                for row in batch.to_pylist():
                    number += 1
                    if begin < number <= end:
                        yield f"{path}: row {number}", row

    yield from rows.documents_from_rows(iterate, log, options, rows_tag_names(features))


def metadata_of(path: Path) -> Any:
    """The ``pyarrow.parquet.FileMetaData`` of a file.

    Raises:
        DataError: if it is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_metadata(path)
    except pa.ArrowInvalid as error:
        raise DataError(f"not a Parquet file ({error})", where=str(path)) from error


def rows_tag_names(features: object) -> list[str]:
    """Names of a ``ClassLabel`` tag column, if the features have one."""
    import datasets

    if isinstance(features, datasets.Features):
        for feature in features.values():
            inner = getattr(feature, "feature", feature)
            if isinstance(inner, datasets.ClassLabel):
                return list(inner.names)
    return []


def write(documents: Iterable[Document], path: Path) -> None:
    """Write text with spans in the columns of :func:`onoma.corpus.corpus.arrow_schema`."""
    import pyarrow.parquet as pq

    with atomic_file(path) as beside, pq.ParquetWriter(beside, arrow_schema()) as writer:
        for batch in arrow_batches(documents):
            writer.write_batch(batch)


FORMAT = Format(
    name="parquet",
    suffixes=(".parquet",),
    carries=frozenset({"spacing", "scores", "ids", "languages", "meta", "tokens", "overlaps"}),
    read=read,
    write=write,
    options=rows.OPTIONS,
)
