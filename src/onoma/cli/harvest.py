"""`onoma harvest`."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onoma.cli import show

if TYPE_CHECKING:
    from onoma.annotation.harvest.harvest import Progress


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example:\n\n  onoma harvest sources.yaml raw/")(harvest)


@show.command
def harvest(
    file: Annotated[Path, typer.Argument(help="The sources, a YAML file.")],
    target: Annotated[Path, typer.Argument(help="A folder for the documents and the manifest.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the file; may be repeated.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Workers that clean; default: all cores.")] = None,
    engine: Annotated[show.Engine, show.EngineOption] = show.Engine.local,
    address: Annotated[str | None, show.AddressOption] = None,
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Gather raw text: clean it, tell its language, drop repeats, balance languages. Stopped, it goes on."""
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    from onoma.annotation.harvest.harvest import harvest as gather
    from onoma.annotation.harvest.harvest import load_harvest
    from onoma.scale.workers import open_workers

    loaded = load_harvest(file, overrides or [])
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=show.err(), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def watch(name: str, progress: Progress) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=None, said="")
            seconds = bars.tasks[tasks[name]].elapsed or 1e-9
            said = f"{progress.kept} of {progress.documents} documents, {progress.megabytes / seconds:.1f} MB/s"
            bars.update(tasks[name], said=said)

        with open_workers(engine.value, workers or os.cpu_count() or 1, address) as opened:
            manifest = gather(loaded, target, workers=opened, watch=watch)
    if as_json:
        typer.echo(json.dumps(manifest, ensure_ascii=False))
    else:
        _show(manifest, target)


def _show(manifest: dict[str, Any], target: Path) -> None:
    console = show.out()
    rows = [
        (name, row["read"], row["documents"], row["words"], row["words_left_out"], _reasons(row["rejected"]))
        for name, row in manifest["sources"].items()
    ]
    console.print(show.table("Sources", ("source", "read", "kept", "words", "words cut off", "left out"), rows))
    languages = [(name or "?", row["documents"], row["words"]) for name, row in manifest["languages"].items()]
    console.print(show.table("Languages", ("language", "documents", "words"), languages))
    for name, row in manifest["sources"].items():
        for message in row["messages"][:3]:
            console.print(f"{name}: {message}", markup=False)
    console.print(f"Wrote [bold]{target}[/]: {manifest['documents']} documents", soft_wrap=True)


def _reasons(rejected: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in Counter(rejected).most_common()) or "–"
