"""`onoma label`, `onoma batches` and `onoma journal`."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onoma.cli import show

if TYPE_CHECKING:
    from onoma.annotation.journal import Entry
    from onoma.annotation.label import Estimate, Labelling
    from onoma.annotation.questions import Progress
    from onoma.extractors.answers import Answer

JOURNAL = Path("journal.sqlite")


class Vote(StrEnum):
    """How several labellers agree."""

    trust = "trust"
    majority = "majority"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog="Examples:\n\n  onoma label raw.jsonl labelled.jsonl --with llm.yaml --money 5\n\n"
        "  onoma label raw.jsonl labelled.jsonl --with llm.yaml --batch\n\n"
        "  onoma label raw.jsonl labelled.jsonl --with llm.yaml --with rules.yaml --with runs/teacher"
    )(label)
    app.command(epilog="Example:\n\n  onoma batches llm.yaml --cancel")(batches)
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
    batch: Annotated[bool, typer.Option("--batch", help="Ask endpoints by their Batch API.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what endpoints would be asked and cost; ask nothing.")
    ] = False,
    to_file: Annotated[
        Path | None,
        typer.Option(help="Write the requests to a file for vLLM's run-batch instead of sending them."),
    ] = None,
    from_file: Annotated[
        Path | None, typer.Option(help="Take the answers of such a file; what it lacks is not asked.")
    ] = None,
    requests: Annotated[int | None, typer.Option(min=1, help="Most requests to send now.")] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Most tokens to use now.")] = None,
    money: Annotated[
        float | None, typer.Option(min=0, help="Most to spend now, at the endpoint file's prices.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Workers of the labellers that are no endpoints.")] = 1,
    engine: Annotated[show.Engine, show.EngineOption] = show.Engine.local,
    address: Annotated[str | None, show.AddressOption] = None,
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Label raw text with any extractors. Stopped half-way, the same command goes on and pays nothing twice."""
    from onoma.annotation.batch_files import read_answers, write_requests
    from onoma.annotation.journal import Journal
    from onoma.annotation.label import estimate, questions
    from onoma.annotation.label import label as label_texts
    from onoma.annotation.questions import Limits
    from onoma.corpus import load_corpus, save_corpus
    from onoma.errors import DataError
    from onoma.extractors.apis import PATHS
    from onoma.extractors.endpoint import EndpointExtractor
    from onoma.extractors.load import load
    from onoma.files import locked
    from onoma.scale.extract import extract_stream
    from onoma.scale.workers import open_workers

    corpus = load_corpus(source)
    if split is None and len(corpus) > 1:
        raise DataError("there are several splits", where=source, mend=f"Name one with --split: {', '.join(corpus)}.")
    texts = corpus[split or next(iter(corpus))]
    loaded = {name: load(name) for name in labellers}
    endpoints = {name: one for name, one in loaded.items() if isinstance(one, EndpointExtractor)}
    if (to_file or from_file) and len(endpoints) != 1:
        raise DataError("files of requests and answers are for one endpoint", mend="Name one with --with.")
    limits = Limits(requests=requests, tokens=tokens, money=money)
    with locked(target), Journal(journal_file) as journal, open_workers(engine.value, workers, address) as opened:
        if to_file is not None:
            (endpoint,) = endpoints.values()
            path = PATHS[endpoint.file.api]
            count = write_requests(questions(endpoint, texts, journal), path, journal, to_file)
            show.out().print(f"Wrote [bold]{to_file}[/]: {count} requests", soft_wrap=True)
            return
        if from_file is not None:
            (endpoint,) = endpoints.values()
            read_answers(from_file, endpoint.read_reply, journal, limits.tries)
        estimates = {name: estimate(texts, one, journal, batch=batch) for name, one in endpoints.items()}
        if dry_run:
            _show_estimates(estimates, as_json)
            return
        with _progress({name: found.requests for name, found in estimates.items()}) as watch:
            done = label_texts(
                texts,
                loaded,
                journal=journal,
                limits=limits,
                mode="journal" if from_file else "batch" if batch else "live",
                vote=vote.value,
                # One worker of this machine would load a second time what is loaded here.
                annotate=partial(extract_stream, workers=opened) if workers > 1 or engine.value == "ray" else None,
                watch=watch,
            )
    save_corpus({"train": done.documents}, target)
    if as_json:
        typer.echo(json.dumps({"target": str(target), **done.to_dict()}, ensure_ascii=False))
    else:
        _show(done, target)


@show.command
def batches(
    endpoint: Annotated[Path, typer.Argument(help="An endpoint file.")],
    journal_file: Annotated[Path, typer.Option("--journal", help="Record of what was sent.")] = JOURNAL,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="End them; the next `onoma label --batch` takes what they have answered.")
    ] = False,
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Say how the batches of an endpoint stand that are out. `onoma label --batch` goes on with them."""
    from onoma.annotation.batch import cancel_batches, open_batches
    from onoma.annotation.journal import Journal
    from onoma.annotation.label import client_of
    from onoma.errors import DataError
    from onoma.extractors.endpoint import EndpointExtractor

    if not journal_file.exists():
        raise DataError("no such journal", where=str(journal_file))
    client = client_of(EndpointExtractor.from_file(endpoint))
    with Journal(journal_file) as journal:
        cancelled = cancel_batches(client, journal) if cancel else 0
        found = list(open_batches(client, journal))
    if as_json:
        tables = [{"id": name, "status": status, **counts} for name, status, counts in found]
        typer.echo(json.dumps({"batches": tables, "cancelled": cancelled}))
        return
    rows = [
        (name, status, counts.get("completed", 0), counts.get("failed", 0), counts.get("total", 0))
        for name, status, counts in found
    ]
    console = show.out()
    console.print(show.table("Batches", ("batch", "status", "answered", "failed", "requests"), rows))
    if cancel:
        console.print(f"{cancelled} cancelled")


@contextlib.contextmanager
def _progress(totals: Mapping[str, int]) -> Iterator[Callable[[str, Progress], None]]:
    """Bars with rate, cost and remaining time, one an endpoint."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=show.err(), transient=True) as bars:
        tasks = {name: bars.add_task(name, total=total, said="") for name, total in totals.items()}

        def watch(name: str, progress: Progress) -> None:
            seconds = bars.tasks[tasks[name]].elapsed or 1e-9
            said = (
                f"{progress.answered / seconds:.1f} a second, {progress.failed} failed, "
                f"{progress.tokens} tokens, cost {progress.cost:.4f}"
            )
            bars.update(tasks[name], completed=progress.answered + progress.failed, said=said)

        yield watch


def _show_estimates(estimates: Mapping[str, Estimate], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({name: dataclasses.asdict(found) for name, found in estimates.items()}))
        return
    console = show.out()
    for name, found in estimates.items():
        console.print(
            f"{name}: {found.requests} requests, {found.known} known from the journal; about {found.input_tokens} "
            f"tokens in, {found.output_tokens} out, cost {found.cost:.4f}",
            markup=False,
        )


def _show(done: Labelling, target: Path) -> None:
    console = show.out()
    for name, found in done.endpoints.items():
        mentions = ", ".join(f"{count} {status}" for status, count in found["statuses"].items()) or "none"
        console.print(
            f"{name}: {found['asked']} requests, {found['answered']} answers, {found['failed']} failed, "
            f"{found['refused']} refusals, {found['tokens']} tokens, cost {found['cost']:.4f}",
            markup=False,
        )
        console.print(f"  mentions: {mentions}; {found['invalid']} answers of faulty form", markup=False)
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
    samples: Annotated[int, typer.Option(min=0, help="Show so many answers.")] = 0,
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
                    out.write(json.dumps(_row(entry), ensure_ascii=False) + "\n")
        freed = opened.compact() if compact else 0
        # Keys are hashes, so the first ones are any ones.
        first = itertools.islice(opened.entries("answered"), samples)
        shown = [(entry.item, entry.answer.text) for entry in first if entry.answer]
    if as_json:
        answers = [{"item": item, "answer": text} for item, text in shown]
        states = {str(state): count for state, count in counts.items()}
        found = {"journal": str(file), **states, **_cost(spent), "failures": failures, "samples": answers}
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    console = show.out()
    console.print(", ".join(f"{count} {state}" for state, count in counts.items()))
    console.print(f"{spent.input_tokens} + {spent.output_tokens} tokens, cost {spent.cost:.4f}")
    for kind, count in failures.items():
        console.print(f"not answered, last {kind}: {count}", markup=False)
    for item, text in shown:
        console.print(f"{item}: {text}", markup=False, soft_wrap=True)
    if compact:
        console.print(f"{freed / 1e6:.1f} MB given back")
    if export is not None:
        console.print(f"Wrote [bold]{export}[/]", soft_wrap=True)


def _row(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {
        "key": entry.key.hex(),
        "item": entry.item,
        "state": entry.state,
        "tries": entry.tries,
        "batch": entry.batch,
        "updated": entry.updated,
    }
    if entry.answer is None:
        return row | {"error": entry.error}
    return row | {"answer": entry.answer.text, **_cost(entry.answer)}


def _cost(answer: Answer) -> dict[str, float]:
    return {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens, "cost": answer.cost}
