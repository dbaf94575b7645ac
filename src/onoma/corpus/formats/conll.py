"""CoNLL-like columns: a word a line with its tag, a blank line between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from onoma.corpus.reading import Format, Options, ReadLog, check_text, lines
from onoma.document import Document
from onoma.errors import DataError
from onoma.files import atomic_file
from onoma.tagging import Scheme, detect_scheme, document_from_tags, spans_to_words, split_tag, write_tags

OPTIONS = {
    "word_column": "column with the word, from 0; negative counts from the end (default 0)",
    "tag_column": "column with the tag (default -1, the last)",
    "scheme": "IO, IOB1, IOB2, BIOES or BILOU; found by itself if not given",
}
_BLANKS = re.compile(r"[ \t]+")
_UNCARRIABLE = re.compile(r"[\t\n\r]")


def read(path: Path, log: ReadLog, options: Options) -> Iterator[Document]:
    """Yield a document a sentence; comments and ``-DOCSTART-`` lines are passed over."""
    word_column, tag_column = int(options.get("word_column", 0)), int(options.get("tag_column", -1))
    scheme: Scheme = options.get("scheme") or detect_scheme(
        [columns[tag_column] for _, columns in block if _has(columns, tag_column)]
        for block in _blocks(path, tag_column)
    )
    for block in _blocks(path, tag_column):
        place = f"{path}:{block[0][0]}"
        try:
            words, tags = [], []
            for line, columns in block:
                place = f"{path}:{line}"
                if len(columns) < 2 or not _has(columns, word_column) or not _has(columns, tag_column):
                    raise DataError(
                        f"no column {tag_column if _has(columns, word_column) else word_column} among {len(columns)}",
                        mend="Tell the columns with --option word_column=... --option tag_column=....",
                    )
                split_tag(columns[tag_column])
                words.append(columns[word_column])
                tags.append(columns[tag_column])
            place = f"{path}:{block[0][0]}"
            document, mended = document_from_tags(words, tags, scheme)
        except DataError as error:
            log.bad_row(error, place)
            continue
        if mended:
            log.mended[f"tags that break {scheme}"] += mended
        yield document


def write(documents: Iterable[Document], path: Path) -> None:
    """Write ``word<TAB>tag`` lines in IOB2; a tab or line end inside a word is written as a space."""
    with atomic_file(path) as beside, beside.open("w", encoding="utf-8", newline="\n") as handle:
        for document in documents:
            check_text(document)
            handle.write(word_lines(document) + "\n")


def word_lines(document: Document) -> str:
    r"""A document as ``word<TAB>tag`` lines in IOB2.

    Examples:
        >>> from onoma.document import Span
        >>> word_lines(Document("Guwahati is busy", (Span(0, 8, "LOC"),)))
        'Guwahati\tB-LOC\nis\tO\nbusy\tO\n'
    """
    words = document.word_texts()
    tags = write_tags(spans_to_words(document).spans, len(words))
    return "".join(f"{_UNCARRIABLE.sub(' ', word)}\t{tag}\n" for word, tag in zip(words, tags, strict=True))


def _blocks(path: Path, tag_column: int) -> Iterator[list[tuple[int, list[str]]]]:
    """Line number and columns of each word, a list a sentence."""
    block: list[tuple[int, list[str]]] = []
    for number, line in lines(path):
        if not line.strip(" \t"):
            if block:
                yield block
            block = []
            continue
        columns = line.split("\t") if "\t" in line else _BLANKS.split(line.strip(" "))
        comment = columns[0].startswith("#") and not block and not _is_tagged(columns, tag_column)
        if not comment and columns[0] != "-DOCSTART-":
            block.append((number, columns))
    if block:
        yield block


def _is_tagged(columns: Sequence[str], tag_column: int) -> bool:
    """Tells a word ``#`` with its tag from a comment such as ``# sent_id = 4``."""
    if len(columns) < 2 or not _has(columns, tag_column):
        return False
    try:
        split_tag(columns[tag_column])
    except DataError:
        return False
    return True


def _has(columns: Sequence[str], index: int) -> bool:
    return -len(columns) <= index < len(columns)


FORMAT = Format(
    name="conll",
    suffixes=(".conll", ".conllu", ".iob2", ".iob", ".bio", ".tsv", ".txt"),
    carries=frozenset({"tokens"}),
    read=read,
    write=write,
    options=OPTIONS,
)
