"""`onoma assemble` and `onoma inventory`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from onoma.cli import show


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example:\n\n  onoma assemble assembly.yaml corpus/ --journal journal.sqlite")(assemble)
    app.command(epilog="Example:\n\n  onoma inventory labelled.jsonl labels.yaml --base bundled:multilingual-e5-small")(
        inventory
    )


@show.command
def assemble(
    file: Annotated[Path, typer.Argument(help="Parts, filters and splits, a YAML file.")],
    target: Annotated[Path, typer.Argument(help="A folder for the corpus and its card.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the file; may be repeated.")
    ] = None,
    journal: Annotated[Path | None, typer.Option(help="Journal whose cost goes into the card.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Workers that look for repeats.")] = 1,
    engine: Annotated[show.Engine, show.EngineOption] = show.Engine.local,
    address: Annotated[str | None, show.AddressOption] = None,
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Join labelled parts into a clean corpus: filters, no repeats, no leaks, splits, a card."""
    from onoma.annotation.assemble import assemble as join
    from onoma.annotation.assemble import load_assembly
    from onoma.annotation.journal import Journal
    from onoma.errors import DataError
    from onoma.scale.workers import open_workers

    cost = {}
    if journal is not None:
        if not journal.exists():
            raise DataError("no such journal", where=str(journal))
        with Journal(journal) as opened:
            spent, counts = opened.spent(), opened.counts()
        cost = {
            "answers": counts["answered"],
            "input tokens": spent.input_tokens,
            "output tokens": spent.output_tokens,
            "cost": round(spent.cost, 6),
        }
    loaded = load_assembly(file, overrides or [])
    with open_workers(engine.value, workers, address) as opened:
        manifest = join(loaded, target, workers=opened, cost=cost, say=lambda line: show.err().print(line, style="dim"))
    if as_json:
        typer.echo(json.dumps(manifest, ensure_ascii=False))
    else:
        _show(manifest, target)


def _show(manifest: dict[str, Any], target: Path) -> None:
    console = show.out()
    rows = [
        (name, row["read"], ", ".join(f"{count} {reason}" for reason, count in row["rejected"].items()) or "–")
        for name, row in manifest["parts"].items()
    ]
    console.print(show.table("Parts", ("part", "read", "left out"), rows))
    labels = sorted({label for row in manifest["splits"].values() for label in row["labels"]})
    splits = [
        (name, row["documents"], row["words"], *(row["labels"].get(label, 0) for label in labels))
        for name, row in manifest["splits"].items()
    ]
    console.print(show.table("Splits", ("split", "documents", "words", *labels), splits))
    for name, found in manifest["agreement"].items():
        low, high = found["interval"]
        console.print(
            f"agreement with {name} on {found['documents']} documents: F1 {found['f1']:.3f} [{low:.3f}, {high:.3f}], "
            f"kappa {found['kappa']:.3f}",
            markup=False,
        )
    console.print(f"Wrote [bold]{target}[/]", soft_wrap=True)


@show.command
def inventory(
    source: Annotated[str, typer.Argument(help="A corpus with free type names: a path or hub:REPO[:CONFIG].")],
    target: Annotated[Path, typer.Argument(help="The label map to write, for you to edit.")],
    base: Annotated[str | None, typer.Option(help="Encoder that joins names of like meaning; none: by form.")] = None,
    least: Annotated[int, typer.Option(min=1, help="Types with fewer entities are dropped.")] = 1,
    likeness: Annotated[float, typer.Option(min=0, max=1, help="Least mean cosine of types that join.")] = 0.9,
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Propose which of many type names are one type, as a label map for `assemble` and `convert --labels`."""
    from onoma.annotation.canonical import propose, write_inventory
    from onoma.corpus import load_corpus
    from onoma.models.embedding import encoder

    counts: dict[str, int] = {}
    for split in load_corpus(source).values():
        for name, count in split.label_counts.items():
            counts[name] = counts.get(name, 0) + count
    found = propose(counts, embed=encoder(base) if base else None, least=least, likeness=likeness)
    write_inventory(found, target)
    if as_json:
        typer.echo(json.dumps({"before": counts, "after": found.after(), "dropped": found.dropped}, ensure_ascii=False))
        return
    console = show.out()
    rows = [(name, count, len(found.groups[name])) for name, count in found.after().items()]
    console.print(show.table("Types", ("type", "entities", "names"), rows))
    console.print(f"{len(counts)} names became {len(rows)} types, {len(found.dropped)} names are dropped")
    console.print(f"Wrote [bold]{target}[/]; read it, edit it, then use it", soft_wrap=True)
