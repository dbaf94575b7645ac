"""`onoma export`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onoma.cli import show

if TYPE_CHECKING:
    from onoma.deployment.export import Export


class Target(StrEnum):
    """What a run becomes."""

    onnx = "onnx"


class Precision(StrEnum):
    """Of the weights."""

    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Examples:\n\n  onoma export runs/it it-int8 --precision int8\n\n"
        "  onoma export runs/assamese as-int8 --precision int8 --trim-vocab data/as --trim-vocab data/hi"
    )(export)


@show.command
def export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    folder: Annotated[Path, typer.Argument(help="A new folder, which will hold everything to run it.")],
    to: Annotated[Target, typer.Option(help="Format of the graph.")] = Target.onnx,
    precision: Annotated[Precision, typer.Option(help="Of the weights.")] = Precision.fp32,
    on: Annotated[
        str | None, typer.Option(help="Gold corpus to compare on; default: the validation data of the run's recipe.")
    ] = None,
    split: Annotated[str, typer.Option(help="Split of it.")] = "validation",
    most_loss: Annotated[float, typer.Option(min=0, help="Most strict F1 that int8 may cost.")] = 0.005,
    trim_vocab: Annotated[
        list[str] | None,
        typer.Option(help="Corpus whose pieces the vocabulary keeps; may be repeated. Others go."),
    ] = None,
    languages: Annotated[
        str | None, typer.Option(help="Keep the pieces in the scripts of these languages, such as as,bn,hi,en.")
    ] = None,
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Make a run small and fast: one folder that runs without torch, checked against the run before it is accepted."""
    from onoma.corpus import load_corpus
    from onoma.deployment.export import export as export_run
    from onoma.training.data import validation_documents
    from onoma.training.recipe import load_recipe

    if on is not None:
        documents = list(load_corpus(on)[split])
    else:
        documents = validation_documents(load_recipe(run / "recipe.yaml"), split)
    trim = None
    if trim_vocab:
        corpora = [load_corpus(name) for name in trim_vocab]
        trim = (document for corpus in corpora for part in corpus.values() for document in part)
    console = show.err()
    done = export_run(
        run,
        folder,
        documents,
        precision=precision.value,
        trim=trim,
        languages=[code.strip() for code in languages.split(",")] if languages else [],
        most_loss=most_loss,
        say=lambda line: console.print(line, style="dim"),
    )
    if as_json:
        typer.echo(json.dumps({"format": to.value, "precision": precision.value, **done.to_dict()}))
    else:
        _show(done)


def _show(done: Export) -> None:
    console = show.out()
    parity = done.parity
    console.print(
        f"{parity.same:.1%} of {parity.documents} documents have the same entities; "
        f"logits differ by {parity.largest_difference:.2g} at most"
    )
    if parity.f1_before is not None and parity.interval_before and parity.interval_after:
        low, high = parity.interval_before
        after_low, after_high = parity.interval_after
        console.print(
            f"strict F1 {parity.f1_before:.4f} [{low:.3f}, {high:.3f}] before, "
            f"{parity.f1_after:.4f} [{after_low:.3f}, {after_high:.3f}] after",
            markup=False,
        )
    if done.left_out:
        console.print(f"{len(done.left_out)} matrix products stayed in fp32")
    before, after = done.pieces
    console.print(f"{after} of {before} pieces of the vocabulary; {done.size / 1e6:.1f} MB in {done.seconds:.0f} s")
    console.print(f"Wrote [bold]{done.folder}[/]", soft_wrap=True)
