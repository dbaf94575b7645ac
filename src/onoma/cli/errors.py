"""`onoma errors`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from onoma.cli import show


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example:\n\n  onoma errors runs/assamese --corpus as")(errors)


@show.command
def errors(
    run: Annotated[Path, typer.Argument(help="A finished run; errors.json and errors.html are written into it.")],
    corpus: Annotated[str | None, typer.Option(help="Test corpus; default: the first that it was scored on.")] = None,
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Sort out what a run got wrong: kinds of error, confused labels, surfaces, and examples in their context."""
    from onoma.evaluation.error_page import analyse_run, error_tables, headline, write_errors

    found = analyse_run(run, corpus)
    write_errors(found, run, f"Errors of {run.name}")
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
        return
    console = show.out()
    for table in error_tables(found):
        console.print(show.table(table.title, table.columns, table.rows))
    console.print(headline(found), markup=False)
    console.print(f"Wrote [bold]{run / 'errors.html'}[/]", soft_wrap=True)
