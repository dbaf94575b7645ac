"""brat standoff: a folder of ``.txt`` files, each with an ``.ann`` file beside it (https://brat.nlplab.org/standoff.html)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from onoma.corpus.reading import Format, Options, ReadLog, check_text, lines
from onoma.document import Document, Span
from onoma.errors import DataError
from onoma.files import atomic_folder

_UNSAFE = re.compile(r"[^\w.\-]+")


def read(path: Path, log: ReadLog, options: Options) -> Iterator[Document]:
    """Yield a document a ``.txt`` file. Relations, events and notes are counted as left out."""
    for text_file in sorted(path.glob("*.txt")):
        try:
            text = text_file.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            log.bad_row(DataError(f"not UTF-8 (byte {error.start + 1})"), str(text_file))
            continue
        spans: list[Span] = []
        annotations = text_file.with_suffix(".ann")
        if annotations.exists() and annotations.stat().st_size:
            for number, line in lines(annotations):
                if not line.startswith("T"):
                    if line.strip():
                        log.mended["brat relations, events, attributes and notes left out"] += 1
                    continue
                try:
                    spans.append(_read_span(line, text, log))
                except DataError as error:
                    log.bad_row(error, f"{annotations}:{number}")
        yield Document(text, spans=tuple(spans), id=text_file.stem)


def write(documents: Iterable[Document], path: Path) -> None:
    """Write a ``.txt`` and an ``.ann`` file a document, named by its id where it has a usable one."""
    with atomic_folder(path, replace=True) as folder:
        used: set[str] = set()
        for number, document in enumerate(documents, start=1):
            check_text(document)
            name = _UNSAFE.sub("_", document.id).strip("._") or f"document-{number:06d}"
            if name in used:
                name = f"{name}-{number:06d}"
            used.add(name)
            (folder / f"{name}.txt").write_bytes(document.text.encode("utf-8"))
            rows = [f"T{index}\t{_write_span(document, span)}\n" for index, span in enumerate(document.spans, start=1)]
            (folder / f"{name}.ann").write_bytes("".join(rows).encode("utf-8"))


def _read_span(line: str, text: str, log: ReadLog) -> Span:
    """``T1<TAB>PER 0 5;6 10<TAB>surface``: fragments are read as one span from the first to the last."""
    try:
        _, middle, surface = line.split("\t", 2)
        label, _, offsets = middle.partition(" ")
        pairs = [tuple(map(int, pair.split())) for pair in offsets.split(";")]
        start, end = pairs[0][0], pairs[-1][1]
    except (ValueError, IndexError) as error:
        raise DataError(
            "not a brat text-bound annotation", mend="It reads: T1<TAB>LABEL START END<TAB>TEXT."
        ) from error
    found = " ".join(text[first:last] for first, last in pairs)
    if _flat(found) != _flat(surface):
        raise DataError(f"the text at {start}–{end} is {found!r}, not {surface!r}", mend="Make the offsets fit.")
    if any(text[left[1] : right[0]].strip() for left, right in pairwise(pairs)):
        log.mended["discontinuous brat spans read as one"] += 1
    return Span(start, end, label)


def _write_span(document: Document, span: Span) -> str:
    """Brat allows no line end inside a fragment, so a span over one becomes several."""
    label = re.sub(r"\s+", "_", span.label)
    fragments = [
        (span.start + match.start(), span.start + match.end())
        for match in re.finditer(r"[^\r\n]+", document.surface(span))
    ]
    offsets = ";".join(f"{start} {end}" for start, end in fragments)
    return f"{label} {offsets}\t{' '.join(document.text[start:end] for start, end in fragments)}"


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


FORMAT = Format(
    name="brat",
    suffixes=(),
    carries=frozenset({"spacing", "ids", "overlaps"}),
    read=read,
    write=write,
)
