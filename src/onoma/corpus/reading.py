"""What every reader and writer shares: a log of bad and mended rows, lines of a file, what a format carries."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from onoma.document import Document
from onoma.errors import DataError
from onoma.tagging import spans_to_words

Options = Mapping[str, Any]
KEPT_MESSAGES = 20


@dataclass(slots=True)
class ReadLog:
    """What a reader met on its way: rows skipped, tags mended, annotations that have no place in a document.

    Args:
        on_error: ``"stop"`` raises at the first bad row; ``"skip"`` counts it and goes on.

    Attributes:
        skipped: number of rows passed over.
        messages: the first of them, each naming file, line and reason.
        mended: what was put right, with counts.
    """

    on_error: Literal["stop", "skip"] = "stop"
    skipped: int = 0
    messages: list[str] = field(default_factory=list)
    mended: Counter[str] = field(default_factory=Counter)

    def bad_row(self, error: DataError, where: str) -> None:
        """Raise the error with its place put in, or count it, as ``on_error`` says."""
        placed = DataError(error.what, where=error.where or where, mend=error.mend)
        if self.on_error == "stop":
            raise placed from error
        self.skipped += 1
        if len(self.messages) < KEPT_MESSAGES:
            self.messages.append(str(placed))


@dataclass(frozen=True, slots=True)
class Format:
    """A way that labelled text is written to disk.

    Args:
        name: what a user calls it.
        suffixes: file name endings, the one to write first.
        carries: what survives a round trip, out of ``spacing scores ids languages meta tokens overlaps``.
        read: yields documents of one file (or folder, for formats of many small files).
        write: writes one split to a path.
        options: names of reader options, with what they mean.
    """

    name: str
    suffixes: tuple[str, ...]
    carries: frozenset[str]
    read: Callable[[Path, ReadLog, Options], Iterator[Document]]
    write: Callable[[Iterable[Document], Path], None]
    options: Mapping[str, str] = field(default_factory=dict)


def lines(path: Path) -> Iterator[tuple[int, str]]:
    r"""Number and text of each line, without its end; a byte-order mark is dropped.

    Only ``\n`` and ``\r\n`` end a line: the other separators of Unicode belong to the text.

    Raises:
        DataError: if the file is missing, empty or not UTF-8.
    """
    try:
        with path.open("rb") as handle:
            number = 0
            for number, raw in enumerate(handle, start=1):
                if number == 1:
                    raw = raw.removeprefix(b"\xef\xbb\xbf")
                try:
                    yield number, raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
                except UnicodeDecodeError as error:
                    raise DataError(
                        f"not UTF-8 (byte {error.start + 1} of the line)",
                        where=f"{path}:{number}",
                        mend="Save the file as UTF-8.",
                    ) from error
            if number == 0:
                raise DataError("the file is empty", where=str(path))
    except FileNotFoundError as error:
        raise DataError("no such file", where=str(path)) from error


def parse_json(text: str) -> Any:
    """The value that a JSON text says.

    Raises:
        DataError: if it is none, or more than can be read: a number of thousands of digits, thousands of nested lists.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON ({error.msg} at column {error.colno})") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"JSON that cannot be read ({error})") from error


def check_text(document: Document) -> None:
    """Refuse text that no UTF-8 file can hold.

    Raises:
        DataError: for a lone surrogate.
    """
    try:
        document.text.encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(document.text[error.start])
        raise DataError(
            f"a lone surrogate U+{code:04X} at character {error.start}",
            mend="The text was cut inside a character; take it from its source again.",
        ) from error


def losses(document: Document, carries: frozenset[str]) -> Iterator[str]:
    """Name, once for each occurrence, what of a document a format will not carry."""
    words = document.words()
    if "overlaps" not in carries:
        view = spans_to_words(document)
        yield from ["overlapping spans"] * len(view.overlapping)
        yield from ["spans without a word"] * len(view.empty)
        if "spacing" not in carries:
            yield from ["spans widened to whole words"] * len(view.widened)
    if "spacing" not in carries and document.text != " ".join(document.text[s:e] for s, e in words):
        yield "texts' own spacing"
    if "scores" not in carries:
        yield from ["scores"] * sum(span.score is not None for span in document.spans)
    for name, present in (
        ("ids", bool(document.id)),
        ("languages", bool(document.language)),
        ("meta", bool(document.meta)),
        ("tokens", document.tokens is not None),
    ):
        if name not in carries and present:
            yield name
