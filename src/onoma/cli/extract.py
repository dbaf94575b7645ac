"""`onoma extract`."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onoma.cli import show
from onoma.document import Document
from onoma.errors import DataError, ModelError

if TYPE_CHECKING:
    from onoma.extractors.base import Extractor


class Output(StrEnum):
    """What is written for each text."""

    text = "text"
    jsonl = "jsonl"
    conll = "conll"


class Unit(StrEnum):
    """What of a plain text file is one document."""

    line = "line"
    file = "file"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog='Examples:\n\n  onoma extract runs/assamese "গুৱাহাটী এখন মহানগৰ।"\n\n'
        "  cat notes.txt | onoma extract runs/assamese - --output jsonl > entities.jsonl\n\n"
        "  onoma extract runs/assamese book.txt --unit file"
    )(extract)


@show.command
def extract(
    extractor: Annotated[str, typer.Argument(help="A run folder, a rules file or a hub id.")],
    texts: Annotated[
        list[str],
        typer.Argument(help="Texts, names of text files (or .jsonl files with a `text` field), or - for stdin."),
    ],
    output: Annotated[Output, typer.Option(help="text is for people, the others for programs.")] = Output.text,
    unit: Annotated[Unit, typer.Option(help="What of a plain text file is one document.")] = Unit.line,
    labels: Annotated[
        str | None, typer.Option(help="Types to ask a generator for, such as river,city; any lets it choose.")
    ] = None,
    base: Annotated[str | None, typer.Option(help="Where the run's base lies now.")] = None,
) -> None:
    """Find entities in texts, files or standard input, in a stream of any length."""
    with show.without_collection():
        from onoma.extractors.load import load

        found = load(extractor, base=base)
        if labels is not None:
            found = _asked(found, labels)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A byte of the command line that is no UTF-8 becomes \udcff, which JSON reads back as what it was.
        sys.stdout.reconfigure(errors="backslashreplace")
    console = show.out()
    # A generator, not a list: results appear as they come, and memory stays flat.
    for document in found.extract(documents for documents in _documents(texts, unit)):
        if output is Output.jsonl:
            sys.stdout.write(json.dumps(document.to_dict(), ensure_ascii=False) + "\n")
        elif output is Output.conll:
            sys.stdout.write(_conll(document))
        else:
            console.print(show.highlighted(document, found.labels), soft_wrap=True)


def _asked(extractor: Extractor, labels: str) -> Extractor:
    from onoma.extractors.generator import GeneratorExtractor

    if not isinstance(extractor, GeneratorExtractor):
        raise ModelError(
            "this extractor cannot be asked for other types than its own",
            where="--labels",
            mend=f"It finds {', '.join(extractor.labels)}; a generator takes any types.",
        )
    return extractor.with_labels(None if labels == "any" else [label.strip() for label in labels.split(",")])


def _documents(texts: Iterable[str], unit: Unit) -> Iterator[Document]:
    for text in texts:
        if text == "-":
            yield from (
                _of_lines(sys.stdin.buffer, "standard input")
                if unit is Unit.line
                else [Document(_decode(sys.stdin.buffer.read(), "standard input"))]
            )
        elif _is_file(text):
            yield from _of_file(Path(text), unit)
        else:
            yield Document(text)


def _of_file(path: Path, unit: Unit) -> Iterator[Document]:
    if path.suffix in {".jsonl", ".ndjson"}:
        from onoma.corpus.formats import jsonl
        from onoma.corpus.reading import ReadLog

        yield from jsonl.read(path, ReadLog(), {})
    elif unit is Unit.file:
        yield Document(_decode(path.read_bytes(), str(path)), id=path.stem)
    else:
        with path.open("rb") as handle:
            yield from _of_lines(handle, str(path))


def _of_lines(lines: Iterable[bytes], where: str) -> Iterator[Document]:
    for number, line in enumerate(lines, start=1):
        text = _decode(line.rstrip(b"\r\n"), f"{where}:{number}")
        if text.strip():
            yield Document(text)


def _decode(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 (byte {error.start + 1})", where=where, mend="Save the text as UTF-8.") from error


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:  # a text that is too long for a file name
        return False


def _conll(document: Document) -> str:
    from onoma.tagging import spans_to_words, write_tags

    words = document.word_texts()
    tags = write_tags(spans_to_words(document).spans, len(words))
    return "".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True)) + "\n"
