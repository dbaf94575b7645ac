"""`onoma bench`."""

from __future__ import annotations

import itertools
import json
import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from onoma.cli import show


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Examples:\n\n  onoma bench runs/it it-fp32 it-int8 --on data/it\n\n"
        "  onoma bench it-int8 --on texts.jsonl --split train --limit 500 --json"
    )(bench)


@show.command
def bench(
    extractors: Annotated[list[str], typer.Argument(help="Runs, exports, rules: whatever can be loaded.")],
    on: Annotated[str, typer.Option(help="Corpus whose text is the work.")],
    split: Annotated[str, typer.Option(help="Split of it.")] = "test",
    limit: Annotated[int, typer.Option(min=1, help="Only the first documents.")] = 1000,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each; their medians count.")] = 5,
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Measure extractors side by side: throughput, latency, memory, size, cold start, share of the machine's limit."""
    from onoma.corpus import load_corpus
    from onoma.deployment.benchmark import bench as measure

    documents = list(itertools.islice(load_corpus(on)[split], limit))
    console = show.err()
    with tempfile.TemporaryDirectory() as scratch:
        results, limits = measure(
            extractors,
            documents,
            scratch=Path(scratch),
            rounds=rounds,
            say=lambda line: console.print(line, style="dim"),
        )
    if as_json:
        typer.echo(json.dumps({"extractors": [result.to_dict() for result in results], "limits": limits}))
        return
    rows = []
    for result in results:
        speed = result.speed
        low, high = speed.spread
        rows.append(
            (
                result.name,
                f"{speed.sentences:.1f}",
                f"{low:.1f}–{high:.1f}",
                f"{speed.words:,.0f}",
                *(f"{1000 * seconds:.1f}" for seconds in (speed.p50, speed.p95, speed.p99)),
                f"{result.memory / 1e6:,.0f}",
                f"{result.size / 1e6:.1f}",
                f"{result.cold_start:.2f}",
                "–" if result.share is None else f"{result.share:.0%}",
            )
        )
    columns = ("extractor", "texts/s", "range", "words/s", "p50 ms", "p95", "p99", "MB used", "MB", "start s", "limit")
    out = show.out()
    out.print(show.table(f"{len(documents)} documents of {on} {split}, {os.cpu_count()} cores", columns, rows))
    for name, peak in limits.items():
        out.print(f"limit of matrix products in {name}: {peak / 1e9:.0f} billion operations a second", markup=False)
