"""`onoma quickstart`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from onoma.cli import show

SHOWN = (
    "হিতেশ ডেকাই গুৱাহাটী বিশ্ববিদ্যালয়ত পঢ়ে আৰু শিৱসাগৰত থাকে।",
    "Rabindranath Tagore left Calcutta for London, and the Nobel Committee wrote to him there.",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(quickstart)


@show.command
def quickstart(
    runs: Annotated[Path, typer.Option(help="Folder that holds runs.")] = Path("runs"),
) -> None:
    """Train a small adapter on bundled sentences and see it work, in about two minutes.

    It learns names from 120 Hindi and Bengali sentences, moves to Assamese with 30 more, and is scored on 40 that it
    never saw, before and after.
    """
    from importlib import resources

    from onoma.cli.train import show_run
    from onoma.extractors.load import load
    from onoma.training.recipe import load_recipe

    console = show.err()
    console.print("[bold]Onoma quickstart[/]: Hindi + Bengali → Assamese, on hand-written examples")
    recipe = load_recipe(Path(str(resources.files("onoma") / "examples" / "quickstart.yaml")))
    from onoma.training.stages import train

    start = time.monotonic()
    run = train(recipe, runs=runs, console=console)
    if run.fresh:
        console.print(f"  trained and scored in {time.monotonic() - start:.0f} s")
    show_run(run.folder, run.metrics, fresh=run.fresh)
    extractor = load(run.folder)
    for document in extractor.extract(list(SHOWN)):
        show.out().print(show.highlighted(document, extractor.labels), soft_wrap=True)
    show.out().print(f'\nTry it: [bold]onoma extract {run.folder} "…"[/]', soft_wrap=True)
