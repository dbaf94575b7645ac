"""`onoma train`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from onoma.cli import show


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=(
            "Examples:\n\n"
            "  onoma train recipes/assamese.yaml\n\n"
            "  onoma train recipes/assamese.yaml --set base=bundled:multilingual-e5-small "
            "--set 'data.source=data/wikiann_{corpus}' --set stages.source.training.epochs=1"
        )
    )(train)


@show.command
def train(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a YAML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe; may be repeated."),
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder that holds runs.")] = Path("runs"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a run of that name that another recipe made.")
    ] = False,
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Train what a recipe says, and leave a run folder.

    Stopped half-way, the same command goes on where it stood.
    """
    from onoma.training.recipe import load_recipe

    loaded = load_recipe(recipe, overrides or [])
    from onoma.training import processes
    from onoma.training.stages import train as carry_out

    run = carry_out(loaded, runs=runs, overwrite=overwrite, console=show.err())
    if not processes.is_first():
        return
    if as_json:
        typer.echo(json.dumps({"run": str(run.folder), **run.metrics}, ensure_ascii=False))
        return
    show_run(run.folder, run.metrics, fresh=run.fresh)


def show_run(folder: Path, metrics: dict[str, Any], *, fresh: bool) -> None:
    """Print the scores of each stage and where the run lies."""
    rows = []
    for stage in metrics["stages"]:
        for name, scores in stage["test"].items():
            low, high = scores["all"]["interval"]
            unseen = scores["unseen"]
            rows.append(
                (
                    stage["stage"],
                    name,
                    scores["all"]["documents"],
                    f"{scores['all']['micro']['f1']:.3f}",
                    f"[{low:.3f}, {high:.3f}]",
                    f"{unseen['micro']['f1']:.3f}" if unseen else "–",
                    unseen["documents"] if unseen else "–",
                )
            )
    console = show.out()
    if rows:
        columns = ("after stage", "test", "sentences", "strict F1", "95 % interval", "unseen F1", "unseen")
        console.print(show.table("Strict entity F1", columns, rows))
    console.print(f"{'Run' if fresh else 'Nothing to do: this run is finished'}: [bold]{folder}[/]", soft_wrap=True)
