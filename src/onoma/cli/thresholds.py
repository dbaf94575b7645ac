"""`onoma thresholds`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from onoma.cli import show


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Examples:\n\n  onoma thresholds runs/it-domain --precision 0.9\n\n"
        "  onoma thresholds runs/it-domain --precision 0 --on data/checked.jsonl"
    )(thresholds)


@show.command
def thresholds(
    run: Annotated[Path, typer.Argument(help="A run folder; what is found is stored in it.")],
    precision: Annotated[float, typer.Option(min=0, max=1, help="Wanted of each label; 0 keeps every entity.")] = 0.0,
    on: Annotated[
        str | None, typer.Option(help="Gold corpus; default: the validation data of the run's recipe.")
    ] = None,
    split: Annotated[str, typer.Option(help="Split of it.")] = "validation",
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Make a run's scores mean what they say, and choose the least score of each label for a wanted precision."""
    from onoma.corpus import load_corpus
    from onoma.evaluation.calibration import store_calibration
    from onoma.training.data import validation_documents
    from onoma.training.recipe import load_recipe

    if on is not None:
        documents = list(load_corpus(on)[split])
    else:
        documents = validation_documents(load_recipe(run / "recipe.yaml"), split)
    found = store_calibration(run, documents, precision)
    if as_json:
        typer.echo(json.dumps({"run": str(run), "documents": len(documents), **found.to_dict()}))
        return
    console = show.out()
    console.print(
        f"Temperature {found.temperature:.2f}: expected calibration error {found.before.error:.3f} → "
        f"{found.after.error:.3f} on {len(documents)} documents"
    )
    rows = [
        (
            label,
            "never given" if one.score > 1 else f"{one.score:.2f}",
            f"{one.precision:.3f}",
            f"{one.kept:.0%}",
            one.spans,
        )
        for label, one in found.thresholds.items()
    ]
    columns = ("label", "least score", "precision", "right ones kept", "entities found")
    console.print(show.table(f"Thresholds for a precision of {precision:g}", columns, rows))
    console.print(f"Stored in [bold]{run}[/], and used from now on.", soft_wrap=True)
