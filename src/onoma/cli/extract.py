"""`onoma extract`."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from onoma.cli import show
from onoma.document import Document
from onoma.errors import DataError


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
        "  onoma extract runs/assamese book.txt --unit file\n\n"
        "  onoma extract it-int8 raw/ --to entities --workers 8"
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
    to: Annotated[
        Path | None,
        typer.Option(help="A folder for Parquet files instead; stopped, the same command goes on where it was."),
    ] = None,
    engine: Annotated[show.Engine, show.EngineOption] = show.Engine.local,
    workers: Annotated[int, typer.Option(min=1, help="Processes that extract into a folder.")] = 1,
    address: Annotated[str | None, show.AddressOption] = None,
) -> None:
    """Find entities in texts, files or standard input, in a stream of any length."""
    if to is not None:
        _into_folder(extractor, texts, to, labels=labels, base=base, engine=engine, workers=workers, address=address)
        return
    if engine is not show.Engine.local or workers > 1 or address is not None:
        raise DataError("several workers write into a folder", where="--engine, --workers", mend="Name it with --to.")
    with show.without_collection():
        from onoma.corpus.formats.conll import word_lines
        from onoma.extractors.load import asked_for, load

        found = load(extractor, base=base)
        if labels is not None:
            found = asked_for(found, labels)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A byte of the command line that is no UTF-8 becomes \udcff, which JSON reads back as what it was.
        sys.stdout.reconfigure(errors="backslashreplace")
    console = show.out()
    # A generator, not a list: results appear as they come, and memory stays flat.
    for document in found.extract(documents for documents in _documents(texts, unit)):
        if output is Output.jsonl:
            sys.stdout.write(json.dumps(document.to_dict(), ensure_ascii=False) + "\n")
        elif output is Output.conll:
            sys.stdout.write(word_lines(document) + "\n")
        else:
            console.print(show.highlighted(document, found.labels), soft_wrap=True)


def _into_folder(
    extractor: str,
    texts: Sequence[str],
    target: Path,
    *,
    labels: str | None,
    base: str | None,
    engine: show.Engine,
    workers: int,
    address: str | None,
) -> None:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from onoma.scale.extract import extract_corpus
    from onoma.scale.workers import open_workers

    columns = (
        BarColumn(bar_width=20),
        TextColumn("{task.completed} of {task.total} shards"),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=show.err(), transient=True) as bars:
        task = bars.add_task("", total=None, said="")

        def watch(done: int, shards: int, documents: int) -> None:
            seconds = bars.tasks[task].elapsed or 1e-9
            bars.update(task, completed=done, total=shards, said=f"{documents / seconds:,.0f} documents a second")

        with open_workers(engine.value, workers, address) as opened:
            sources = [Path(text) for text in texts]
            made = extract_corpus(extractor, sources, target, opened, base=base, labels=labels, watch=watch)
    counts = ", ".join(f"{label} {count}" for label, count in made["labels"].items()) or "no entity"
    console = show.out()
    console.print(f"{made['documents']} documents, {counts}", markup=False, soft_wrap=True)
    console.print(f"Wrote [bold]{target}[/]: {len(made['files'])} files", soft_wrap=True)


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
