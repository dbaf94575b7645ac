"""`onoma label` and `onoma journal`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onoma.cli import show

if TYPE_CHECKING:
    from onoma.annotation.label import Labelling

JOURNAL = Path("journal.sqlite")


class Vote(StrEnum):
    """How several labellers agree."""

    trust = "trust"
    majority = "majority"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog="Examples:\n\n  onoma label raw.jsonl labelled.jsonl --with llm.yaml --money 5\n\n"
        "  onoma label raw.jsonl labelled.jsonl --with llm.yaml --with rules.yaml --with runs/teacher"
    )(label)
    app.command(epilog="Example:\n\n  onoma journal journal.sqlite --export answers.jsonl")(journal)


@show.command
def label(
    source: Annotated[str, typer.Argument(help="Text: a path, hub:REPO[:CONFIG] or examples:NAME.")],
    target: Annotated[Path, typer.Argument(help="A file for the labelled documents.")],
    labellers: Annotated[
        list[str], typer.Option("--with", help="A run, a rules file or an endpoint file; several vote.")
    ],
    split: Annotated[str | None, typer.Option(help="Split of the source; default: its only one.")] = None,
    vote: Annotated[Vote, typer.Option(help="How several labellers agree.")] = Vote.trust,
    journal_file: Annotated[
        Path, typer.Option("--journal", help="Record of endpoint answers; what is in it is not asked again.")
    ] = JOURNAL,
    requests: Annotated[int | None, typer.Option(min=1, help="Most requests to send now.")] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Most tokens to use now.")] = None,
    money: Annotated[
        float | None, typer.Option(min=0, help="Most to spend now, at the endpoint file's prices.")
    ] = None,
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Label raw text with any extractors. Stopped half-way, the same command goes on and pays nothing twice."""
    from onoma.annotation.journal import Journal
    from onoma.annotation.label import label as label_texts
    from onoma.annotation.live import Limits
    from onoma.corpus import load_corpus, save_corpus
    from onoma.errors import DataError
    from onoma.extractors.load import load

    corpus = load_corpus(source)
    if split is None and len(corpus) > 1:
        raise DataError("there are several splits", where=source, mend=f"Name one with --split: {', '.join(corpus)}.")
    texts = corpus[split or next(iter(corpus))]
    loaded = {name: load(name) for name in labellers}
    with Journal(journal_file) as journal:
        done = label_texts(
            texts,
            loaded,
            journal=journal,
            limits=Limits(requests=requests, tokens=tokens, money=money),
            vote=vote.value,
        )
    save_corpus({"train": done.documents}, target)
    if as_json:
        typer.echo(json.dumps({"target": str(target), **done.to_dict()}, ensure_ascii=False))
    else:
        _show(done, target)


def _show(done: Labelling, target: Path) -> None:
    console = show.out()
    for name, found in done.endpoints.items():
        mentions = ", ".join(f"{count} {status}" for status, count in found["mentions"].items()) or "none"
        console.print(
            f"{name}: {found['asked']} requests, {found['answered']} answers, {found['failed']} failed, "
            f"{found['refused']} refusals, {found['tokens']} tokens, cost {found['cost']:.4f}",
            markup=False,
        )
        console.print(f"  mentions: {mentions}; {found['faulty_answers']} answers of faulty form", markup=False)
        if found["stopped"]:
            console.print(f"  [yellow]stopped by the budget of {found['stopped']}; the same command goes on[/]")
    if done.sources:
        rows = [
            (
                name,
                f"{one['coverage']:.0%}",
                f"{one['overlap']:.0%}",
                f"{one['conflicts']:.0%}",
                sum(one["spans"].values()),
            )
            for name, one in done.sources.items()
        ]
        columns = ("labeller", "coverage", "overlap", "conflicts", "entities")
        console.print(show.table("Labellers", columns, rows))
    console.print(
        f"{len(done.documents)} documents, "
        + (", ".join(f"{name} {count}" for name, count in done.labels.items()) or "no entity")
        + (f"; {done.unanswered} without an answer" if done.unanswered else ""),
        markup=False,
    )
    console.print(f"Wrote [bold]{target}[/]", soft_wrap=True)


@show.command
def journal(
    file: Annotated[Path, typer.Argument(help="A journal.")] = JOURNAL,
    export: Annotated[Path | None, typer.Option(help="Write all rows to this file as JSON lines.")] = None,
    compact: Annotated[bool, typer.Option("--compact", help="Give space back to the disk.")] = False,
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Say what labelling has cost so far, and what failed."""
    from onoma.annotation.journal import Journal
    from onoma.errors import DataError
    from onoma.files import atomic_file

    if not file.exists():
        raise DataError("no such journal", where=str(file))
    with Journal(file) as opened:
        counts, spent, failures = opened.counts(), opened.spent(), opened.failures()
        if export is not None:
            with atomic_file(export) as beside, beside.open("w", encoding="utf-8") as out:
                for entry in opened.entries():
                    answer = entry.answer
                    row = {"key": entry.key.hex(), "item": entry.item, "state": entry.state, "tries": entry.tries}
                    row |= {"answer": answer.text, "cost": answer.cost} if answer else {"error": entry.error}
                    out.write(json.dumps(row, ensure_ascii=False) + "\n")
        freed = opened.compact() if compact else 0
    if as_json:
        totals = {"input_tokens": spent.input_tokens, "output_tokens": spent.output_tokens, "cost": spent.cost}
        typer.echo(json.dumps({"journal": str(file), **counts, **totals, "failures": failures}))
        return
    console = show.out()
    console.print(", ".join(f"{count} {state}" for state, count in counts.items()))
    console.print(f"{spent.input_tokens} + {spent.output_tokens} tokens, cost {spent.cost:.4f}")
    for kind, count in failures.items():
        console.print(f"not answered, last {kind}: {count}", markup=False)
    if compact:
        console.print(f"{freed / 1e6:.1f} MB given back")
    if export is not None:
        console.print(f"Wrote [bold]{export}[/]", soft_wrap=True)
