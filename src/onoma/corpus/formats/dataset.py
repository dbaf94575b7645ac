"""Hugging Face's own layout for NER: ``tokens`` with ``ner_tags`` as ``ClassLabel``, a Parquet file a split.

A folder of such files is what ``datasets.load_dataset(folder)`` and the hub expect. It is read by
:mod:`onoma.corpus.formats.parquet`, which knows the class names that the files carry.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from onoma.corpus.formats import parquet, rows
from onoma.corpus.reading import Format, check_text
from onoma.document import Document
from onoma.files import atomic_file
from onoma.tagging import WordSpan, spans_to_words, write_tags


def write(documents: Iterable[Document], path: Path) -> None:
    """Write ``id``, ``language``, ``tokens`` and numbered ``ner_tags``; the schema names the classes."""
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Class numbers must be known before the first row is written, hence the list.
    views: list[tuple[Document, tuple[WordSpan, ...]]] = []
    for document in documents:
        check_text(document)
        views.append((document, spans_to_words(document).spans))
    labels = sorted({span.label for _, spans in views for span in spans})
    names = ["O"] + [f"{prefix}-{label}" for label in labels for prefix in "BI"]
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "language": datasets.Value("string"),
            "tokens": datasets.List(datasets.Value("string")),
            "ner_tags": datasets.List(datasets.ClassLabel(names=names)),
        }
    )
    numbers = {name: number for number, name in enumerate(names)}
    table: list[dict[str, Any]] = []
    for document, spans in views:
        words = document.word_texts()
        tags = [numbers[tag] for tag in write_tags(spans, len(words))]
        table.append({"id": document.id, "language": document.language, "tokens": words, "ner_tags": tags})
    with atomic_file(path) as beside:
        pq.write_table(pa.Table.from_pylist(table, schema=features.arrow_schema), beside)


FORMAT = Format(
    name="dataset",
    suffixes=(".parquet",),
    carries=frozenset({"ids", "languages", "tokens"}),
    read=parquet.read,
    write=write,
    options=rows.OPTIONS,
)
