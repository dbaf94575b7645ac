"""`onoma bases`."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer

from onoma.cli import show


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(bases)


@show.command
def bases(as_json: Annotated[bool, show.JsonOption] = False) -> None:
    """List the bases that come with the package, and what of them is on disk.

    Besides these, any folder or hub id of an encoder with a fast tokenizer and safetensors weights is a base.
    """
    from onoma.models.bases import list_bases

    listed = list_bases()
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(base) for base in listed], ensure_ascii=False))
        return
    console = show.out()
    for base in listed:
        size = f", {base.bytes / 1e6:.0f} MB" if base.bytes else ""
        console.print(f"[bold]{base.name}[/]  {base.kind}; {base.languages}; {base.licence}")
        console.print(f"  {base.about}", markup=False)
        console.print(f"  {base.state}{size}", markup=False, soft_wrap=True)
