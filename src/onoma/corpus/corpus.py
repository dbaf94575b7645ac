"""A corpus: named splits of documents with a label set, memory-mapped Arrow underneath."""

from __future__ import annotations

import atexit
import functools
import itertools
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from onoma.corpus.reading import ReadLog, check_text
from onoma.document import Document
from onoma.errors import DataError, nearest

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

_ROWS_A_BATCH = 1_000


class Split(Sequence[Document]):
    """Documents of one split, read from Arrow when asked for.

    Args:
        dataset: a ``datasets.Dataset`` with the columns of :func:`arrow_schema`.
    """

    def __init__(self, dataset: datasets.Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    @overload
    def __getitem__(self, index: int) -> Document: ...
    @overload
    def __getitem__(self, index: slice) -> Split: ...
    def __getitem__(self, index: int | slice) -> Document | Split:
        if isinstance(index, slice):
            return self.select(range(*index.indices(len(self))))
        return document_from_row(self.dataset[index])

    def __iter__(self) -> Iterator[Document]:
        for batch in self.dataset.iter(batch_size=_ROWS_A_BATCH):
            names = list(batch)
            for values in zip(*batch.values(), strict=True):
                yield document_from_row(dict(zip(names, values, strict=True)))

    def select(self, indices: Iterable[int]) -> Split:
        """The documents at these positions, in this order, without copying them."""
        return Split(self.dataset.select(list(indices)))

    @functools.cached_property
    def label_counts(self) -> Counter[str]:
        """Number of spans of each label."""
        counts: Counter[str] = Counter()
        for spans in self.dataset.with_format("arrow").select_columns("spans").iter(_ROWS_A_BATCH):
            for row in spans["spans"].to_pylist():
                counts.update(span["label"] for span in row)
        return counts


class Corpus(Mapping[str, Split]):
    """Named splits with their label set.

    Args:
        splits: documents by split name.
        log: what the reader skipped and mended.

    Examples:
        >>> corpus = Corpus.from_documents({"train": [Document("Rome", (Span(0, 4, "LOC"),))]})  # doctest: +SKIP
        >>> corpus.labels  # doctest: +SKIP
        ('LOC',)
    """

    def __init__(self, splits: Mapping[str, Split], log: ReadLog | None = None) -> None:
        self._splits = dict(splits)
        self.log = log or ReadLog()

    def __getitem__(self, name: str) -> Split:
        try:
            return self._splits[name]
        except KeyError:
            raise DataError(f"no split {name!r}", mend=nearest(name, self._splits)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._splits

    def __iter__(self) -> Iterator[str]:
        return iter(self._splits)

    def __len__(self) -> int:
        return len(self._splits)

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        """All labels of all splits, sorted."""
        return tuple(sorted({label for split in self._splits.values() for label in split.label_counts}))

    @classmethod
    def from_documents(cls, splits: Mapping[str, Iterable[Document]], log: ReadLog | None = None) -> Corpus:
        """Spool documents to Arrow files that last as long as the process, and map them into memory.

        Memory stays flat however many documents the iterables yield.

        Raises:
            DataError: for text that Arrow cannot hold.
        """
        return cls({name: Split(_spool(documents)) for name, documents in splits.items()}, log)


def arrow_schema() -> pa.Schema:
    """Arrow columns of a document; ``meta`` is JSON."""
    import pyarrow as pa

    span = pa.struct([("start", pa.int64()), ("end", pa.int64()), ("label", pa.string()), ("score", pa.float64())])
    return pa.schema(
        [
            ("id", pa.string()),
            ("language", pa.string()),
            ("text", pa.large_string()),
            ("spans", pa.list_(span)),
            ("tokens", pa.list_(pa.list_(pa.int64()))),
            ("meta", pa.string()),
        ]
    )


def document_to_row(document: Document) -> dict[str, Any]:
    """A document as a row of :func:`arrow_schema`."""
    return {
        "id": document.id,
        "language": document.language,
        "text": document.text,
        "spans": [
            {"start": span.start, "end": span.end, "label": span.label, "score": span.score} for span in document.spans
        ],
        "tokens": None if document.tokens is None else [list(token) for token in document.tokens],
        "meta": json.dumps(dict(document.meta), ensure_ascii=False) if document.meta else "",
    }


def document_from_row(row: Mapping[str, Any]) -> Document:
    """Inverse of :func:`document_to_row`."""
    return Document.from_dict({**row, "meta": json.loads(row["meta"]) if row["meta"] else {}})


def arrow_batches(documents: Iterable[Document]) -> Iterator[pa.RecordBatch]:
    """Documents as Arrow record batches of bounded size."""
    import pyarrow as pa

    schema = arrow_schema()
    rows = iter(documents)
    while block := list(itertools.islice(rows, _ROWS_A_BATCH)):
        for document in block:
            check_text(document)
        yield pa.RecordBatch.from_pylist([document_to_row(document) for document in block], schema=schema)


def _spool(documents: Iterable[Document]) -> datasets.Dataset:
    import datasets
    import pyarrow as pa

    with (
        tempfile.NamedTemporaryFile(dir=_spool_folder(), suffix=".arrow", delete=False) as handle,
        pa.ipc.new_stream(handle, arrow_schema()) as writer,
    ):
        for batch in arrow_batches(documents):
            writer.write_batch(batch)
    return datasets.Dataset.from_file(handle.name)


@functools.cache
def _spool_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="onoma-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
