"""`onoma push`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onoma.cli import show


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example:\n\n  onoma push runs/assamese owner/assamese-ner --private")(push)


@show.command
def push(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    name: Annotated[str, typer.Argument(help="Where to: owner/name.")],
    private: Annotated[bool, typer.Option("--private", help="Visible to its owner alone.")] = False,
) -> None:
    """Put a run on the Hugging Face hub; `onoma extract owner/name` loads it from there.

    Weights, card, recipe and metrics go; predictions and logs, which hold sentences of the data, stay.
    """
    from onoma.models.hub import push_to_hub

    show.out().print(f"Pushed to [bold]{push_to_hub(run, name, private=private)}[/]", soft_wrap=True)
