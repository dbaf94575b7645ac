"""How things look in a terminal."""

from __future__ import annotations

import contextlib
import functools
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any

import typer

from onoma.chatter import silence
from onoma.document import Document
from onoma.errors import InterruptedRunError

_COLOURS = ("black on green", "black on cyan", "black on yellow", "white on magenta", "white on blue", "black on red")


def out() -> Any:
    """Console for results, on standard output."""
    from rich.console import Console

    # On a pipe nobody folds lines but us, so tables get the room they need.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def err() -> Any:
    """Console for progress, on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def highlighted(document: Document, labels: Sequence[str]) -> Any:
    """A document's text with its entities coloured and named."""
    from rich.text import Text

    text = Text()
    position = 0
    for span in document.spans:
        if span.start < position:
            continue
        style = _COLOURS[labels.index(span.label) % len(_COLOURS)] if span.label in labels else "reverse"
        text.append(document.text[position : span.start])
        text.append(f" {document.surface(span)} ", style=style)
        text.append(f"{span.label} ", style=f"{style} bold")
        position = span.end
    text.append(document.text[position:])
    return text


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    """A table whose columns of numbers stand on the right."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    result = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        numbers = all(_is_number(row[index]) for row in rows) and bool(rows)
        result.add_column(column, justify="right" if numbers else "left", no_wrap=numbers, overflow="fold")
    for row in rows:
        result.add_row(*(str(cell) for cell in row))
    return Group(Text(title, style="bold", no_wrap=True, overflow="ignore"), result)


def _is_number(cell: Any) -> bool:
    return str(cell).replace(",", "").replace(".", "").replace("%", "").strip("–-[] ").isdigit() or str(cell) == "–"


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a command: the chatter of the libraries underneath stays off the screen, an interrupt has its message."""

    @functools.wraps(function)
    def silenced(*args: Any, **kwargs: Any) -> Any:
        silence()
        try:
            return function(*args, **kwargs)
        except KeyboardInterrupt as error:  # typer would end without a word
            raise InterruptedRunError from error

    return silenced


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """Load models without the garbage collector.

    The libraries underneath make millions of objects that stay; to search them again and again takes a second.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class Engine(StrEnum):
    """Where workers run."""

    local = "local"
    ray = "ray"


JsonOption = typer.Option("--json", help="Write JSON for programs to read.")
EngineOption = typer.Option(help="Workers are processes of this machine, or actors on Ray.")
AddressOption = typer.Option(help="A Ray cluster, such as auto; without it, one is started here.")
