"""Parquet: any of the row layouts of :mod:`onoma.corpus.formats.rows`, typed columns, compressed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from onoma.corpus.corpus import arrow_batches, arrow_schema
from onoma.corpus.formats import rows
from onoma.corpus.reading import Format, Options, ReadLog
from onoma.document import Document
from onoma.errors import DataError
from onoma.files import atomic_file


def read(path: Path, log: ReadLog, options: Options) -> Iterator[Document]:
    """Yield the documents of a Parquet file, a batch of rows in memory at a time."""
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except pa.ArrowInvalid as error:
        raise DataError(f"not a Parquet file ({error})", where=str(path)) from error
    features = datasets.Features.from_arrow_schema(schema)

    def iterate() -> Iterator[tuple[str, rows.Row]]:
        number = 0
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1_000):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}: row {number}", row

    yield from rows.documents_from_rows(iterate, log, options, rows_tag_names(features))


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
