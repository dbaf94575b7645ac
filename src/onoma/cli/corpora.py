"""`onoma check` and `onoma convert`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onoma.cli import show
from onoma.errors import DataError

if TYPE_CHECKING:
    from onoma.corpus.check import Report, Tokenization
    from onoma.corpus.reading import ReadLog
    from onoma.corpus.relabel import Relabelled


class OnError(StrEnum):
    """What to do at a row that cannot be read."""

    stop = "stop"
    skip = "skip"


FormatOption = Annotated[str | None, typer.Option("--format", help="Format of the corpus, if its name does not tell.")]
OptionOption = Annotated[
    list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="Reader option, such as tag_column=3.")
]
OnErrorOption = Annotated[OnError, typer.Option(help="What to do at a row that cannot be read.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog="Examples:\n\n  onoma check examples:as --base bundled:multilingual-e5-small\n\n"
        "  onoma check data/ner.conll --option tag_column=3 --json"
    )(check)
    app.command(
        epilog="Examples:\n\n  onoma convert data/ner.conll data/ner.jsonl\n\n"
        "  onoma convert export.json corpus/ --from label-studio --to conll\n\n"
        "  onoma convert data/fine corpus/ --to conll --labels labels.yaml"
    )(convert)


@show.command
def check(
    corpus: Annotated[str, typer.Argument(help="A path, hub:REPO[:CONFIG] or examples:NAME.")],
    base: Annotated[str | None, typer.Option(help="A base, to see how it takes the text.")] = None,
    format: FormatOption = None,
    option: OptionOption = None,
    on_error: OnErrorOption = OnError.stop,
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Examine a corpus: sizes, labels, repeats, leaks between splits, doubtful labels, and advice."""
    from onoma.corpus import ReadLog, load_corpus
    from onoma.corpus.check import check as examine

    log = ReadLog(on_error=on_error.value)
    found = load_corpus(corpus, format=format, options=parse_options(option), log=log)
    report = examine(found, _tokenization(base) if base else None)
    if as_json:
        typer.echo(json.dumps({"corpus": corpus, **report.to_dict()}, ensure_ascii=False))
    else:
        _show_report(corpus, report)


@show.command
def convert(
    source: Annotated[str, typer.Argument(help="A path, hub:REPO[:CONFIG] or examples:NAME.")],
    target: Annotated[Path, typer.Argument(help="A file for one split, or a folder that gets a file a split.")],
    source_format: Annotated[str | None, typer.Option("--from", help="Format of the source.")] = None,
    target_format: Annotated[str | None, typer.Option("--to", help="Format of the target.")] = None,
    split: Annotated[str | None, typer.Option(help="Take this split alone.")] = None,
    labels: Annotated[Path | None, typer.Option(help="A label map: what becomes of each label.")] = None,
    option: OptionOption = None,
    on_error: OnErrorOption = OnError.stop,
) -> None:
    """Write a corpus in another format or with other labels, and count what it could not carry."""
    from onoma.corpus import ReadLog, load_corpus, save_corpus
    from onoma.corpus.relabel import read_label_map, relabel

    log = ReadLog(on_error=on_error.value)
    corpus = load_corpus(source, format=source_format, options=parse_options(option), log=log)
    if labels is not None:
        done = relabel(corpus, read_label_map(labels))
        _show_relabelled(done)
        corpus = done.corpus
    lost = save_corpus({split: corpus[split]} if split else corpus, target, format=target_format)
    console = show.out()
    for name in [split] if split else corpus:
        console.print(f"{name}: {len(corpus[name])} documents, {corpus[name].label_counts.total()} entities")
    _show_log(log, console)
    for what, count in sorted(lost.items()):
        console.print(f"not carried: {what}: {count}")
    console.print(f"Wrote [bold]{target}[/]", soft_wrap=True)


def parse_options(pairs: list[str] | None) -> dict[str, str]:
    """``["tag_column=3"]`` → ``{"tag_column": "3"}``.

    Raises:
        DataError: for a pair without an equals sign.
    """
    options = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals:
            raise DataError(f"not an option: {pair!r}", mend="Write --option key=value.")
        options[key] = value
    return options


def _tokenization(name: str) -> Tokenization:
    from onoma.alignment import WordEncoder
    from onoma.corpus.check import Tokenization
    from onoma.models.bases import resolve_base

    base = resolve_base(name)
    encoder = WordEncoder.from_folder(base.folder)
    special = len(encoder.prefix) + len(encoder.suffix)
    return Tokenization(name, encoder.encode, encoder.unknown, base.max_pieces - special)


def _show_log(log: ReadLog, console: Any) -> None:
    if log.skipped:
        console.print(f"[yellow]{log.skipped} rows skipped[/]")
        for message in log.messages:
            console.print(f"  {message}", markup=False, soft_wrap=True)
    for what, count in sorted(log.mended.items()):
        console.print(f"mended: {what}: {count}")


def _show_relabelled(done: Relabelled) -> None:
    console = show.out()
    for when, counts in (("before", done.before), ("after", done.after)):
        labels = sorted({label for split in counts.values() for label in split})
        rows = [(label, *(split.get(label, 0) for split in counts.values())) for label in labels]
        rows.append(("all", *(sum(split.values()) for split in counts.values())))
        console.print(show.table(f"Entities {when} the label map", ("label", *counts), rows))
    for pair, count in done.adjacent.items():
        first, _, second = pair.partition(" ")
        console.print(f"side by side, now with one label, kept apart: {first} and {second}: {count}")


def _show_report(corpus: str, report: Report) -> None:
    console = show.out()
    rows = [
        (
            name,
            split.documents,
            split.words,
            split.spans,
            f"{split.without_spans / max(1, split.documents):.0%}",
            split.repeats,
        )
        for name, split in report.splits.items()
    ]
    columns = ("split", "sentences", "words", "entities", "without any", "repeats")
    console.print(show.table(corpus, columns, rows))
    labels = sorted({label for split in report.splits.values() for label in split.labels})
    counts = [(label, *(split.labels.get(label, 0) for split in report.splits.values())) for label in labels]
    console.print(show.table("Entities by label", ("label", *report.splits), counts))
    if report.leaks:
        leaks = [(leak.split, leak.source, leak.exact, leak.near) for leak in report.leaks]
        console.print(show.table("Leaks", ("sentences of", "stand in", "exactly", "nearly"), leaks))
    if report.inconsistent:
        doubtful = [
            (surface, ", ".join(f"{label} {count}" for label, count in found.items()))
            for surface, found in list(report.inconsistent.items())[:10]
        ]
        title = f"Surfaces with several labels ({len(doubtful)} of {len(report.inconsistent)})"
        console.print(show.table(title, ("surface", "labels"), doubtful))
    if report.fragmentation:
        fragments = [
            (
                language,
                found.pieces_per_word,
                f"{found.unknown_share:.2%}",
                found.longest,
                found.long_documents,
                found.long_entities,
            )
            for language, found in report.fragmentation.items()
        ]
        columns = ("language", "pieces a word", "unknown words", "longest", "over the window", "long entities")
        console.print(show.table("How the base takes it", columns, fragments))
    console.print("Scripts: " + ", ".join(f"{name} {share:.1%}" for name, share in report.scripts.items()))
    console.print(f"Groups of nearly equal sentences: {report.near_groups}")
    if report.advice:
        console.print("\n[bold]Advice[/]")
        for item in report.advice:
            console.print(f"• {item}", markup=False)
    else:
        console.print("\nNothing to object to.")
