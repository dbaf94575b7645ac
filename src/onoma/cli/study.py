"""`onoma study` and `onoma compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onoma.cli import show

if TYPE_CHECKING:
    from onoma.evaluation.compare import Comparison


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog="Examples:\n\n  onoma study recipes/assamese/study.yaml\n\n"
        "  onoma study recipes/assamese/study.yaml --profile recipes/assamese/bundled.yaml "
        "--set 'data.source=data/wikiann_{corpus}' --only direct-lora"
    )(study)
    app.command(epilog="Example:\n\n  onoma compare runs/first runs/second --out comparison")(compare)


@show.command
def study(
    file: Annotated[Path, typer.Argument(help="The study, a YAML file.")],
    profile: Annotated[
        Path | None, typer.Option(help="YAML file of recipe keys that hold here: base, data.source, ...")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the base recipe; may be repeated."),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Train this variant alone; may be repeated.")] = None,
    jobs: Annotated[
        int, typer.Option(min=1, help="Runs trained at once, each with its share of the cores and a log of its own.")
    ] = 1,
    runs: Annotated[Path, typer.Option(help="Folder that gets the study's folder.")] = Path("runs"),
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Train the variants of a study with all seeds, and compare them with intervals and tests.

    Stopped half-way, the same command goes on where it stood.
    """
    from onoma.training import processes
    from onoma.training.study import load_study, run_study

    loaded = load_study(file, runs=runs, profile=profile, overrides=overrides or [])
    comparison = run_study(loaded, only=only or [], jobs=jobs, console=show.err())
    if processes.is_first():
        _show(comparison, loaded.folder, as_json)


@show.command
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; the first is the reference.")],
    corpus: Annotated[str | None, typer.Option(help="Test corpus; the first that all runs have by default.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("comparison"),
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Compare runs that exist: intervals and paired tests against the first."""
    from onoma.evaluation.compare import compare as put_side_by_side
    from onoma.evaluation.compare import read_run
    from onoma.evaluation.report import write_report

    short = {run.resolve().name for run in runs}
    names = [run.resolve().name if len(short) == len(runs) else str(run) for run in runs]
    systems = {name: [read_run(run)] for name, run in zip(names, runs, strict=True)}
    comparison = put_side_by_side(systems, corpus=corpus)
    write_report(comparison, out, title="Comparison")
    _show(comparison, out, as_json)


def _show(comparison: Comparison, folder: Path, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(comparison.to_dict(), ensure_ascii=False))
        return
    from onoma.evaluation.significance import p_text

    rows = []
    for line in comparison.systems:
        low, high = line.full.interval
        rows.append(
            (
                line.name,
                len(line.seeds),
                str(line.full),
                f"[{low:.3f}, {high:.3f}]",
                f"{line.unseen.mean:.3f}",
                f"{line.difference:+.3f}" if line.p is not None else "reference",
                p_text(line.p),
            )
        )
    console = show.out()
    columns = ("system", "seeds", "F1", "95 % interval", "unseen F1", "difference", "p")
    console.print(show.table(f"Strict entity F1 on {comparison.corpus}, {comparison.split}", columns, rows))
    console.print(f"Report: [bold]{folder / 'report.html'}[/]", soft_wrap=True)
