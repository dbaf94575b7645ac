"""`onoma export`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onoma.cli import show
from onoma.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from onoma.deployment.export import Export


class Target(StrEnum):
    """What a run becomes."""

    onnx = "onnx"
    genai = "genai"


class Precision(StrEnum):
    """Of the weights."""

    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Examples:\n\n  onoma export runs/it it-int8 --precision int8\n\n"
        "  onoma export runs/open-ner open-ner-int4\n\n"
        "  onoma export runs/assamese as-int8 --precision int8 --trim-vocab data/as --trim-vocab data/hi"
    )(export)


@show.command
def export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    folder: Annotated[Path, typer.Argument(help="A new folder, which will hold everything to run it.")],
    to: Annotated[
        Target | None, typer.Option(help="Format: onnx for taggers, genai (4 bits) for generators, if left out.")
    ] = None,
    precision: Annotated[Precision, typer.Option(help="Of a tagger's weights.")] = Precision.fp32,
    on: Annotated[
        str | None, typer.Option(help="Gold corpus to compare on; default: the validation data of the run's recipe.")
    ] = None,
    split: Annotated[str, typer.Option(help="Split of it.")] = "validation",
    most_loss: Annotated[
        float | None, typer.Option(min=0, help="Most strict F1 that it may cost: 0.005 for int8, 0.01 for 4 bits.")
    ] = None,
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
    from onoma.deployment.generator_export import export_generator
    from onoma.models.exports import kind_of
    from onoma.models.generator_card import KIND as GENERATOR
    from onoma.training.data import validation_documents
    from onoma.training.recipe import load_recipe

    if on is not None:
        documents = list(load_corpus(on)[split])
    else:
        documents = validation_documents(load_recipe(run / "recipe.yaml"), split)
    console = show.err()
    generator = kind_of(run) == GENERATOR
    if to is not None and (to is Target.genai) != generator:
        raise ModelError(
            f"a {'generator' if generator else 'tagger'} cannot be exported to {to.value}",
            where=str(run),
            mend=f"Use --to {'genai' if generator else 'onnx'}, or leave it out.",
        )
    if generator:
        loss = 0.01 if most_loss is None else most_loss
        done = export_generator(run, folder, documents, most_loss=loss, say=_sayer(console))
        _report(done, "genai", "int4", as_json)
        return
    trim = None
    if trim_vocab:
        corpora = [load_corpus(name) for name in trim_vocab]
        trim = (document for corpus in corpora for part in corpus.values() for document in part)
    done = export_run(
        run,
        folder,
        documents,
        precision=precision.value,
        trim=trim,
        languages=[code.strip() for code in languages.split(",")] if languages else [],
        most_loss=0.005 if most_loss is None else most_loss,
        say=_sayer(console),
    )
    _report(done, "onnx", precision.value, as_json)


def _sayer(console: Console) -> Callable[[str], None]:
    return lambda line: console.print(line, style="dim")


def _report(done: Export, format: str, precision: str, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"format": format, "precision": precision, **done.to_dict()}))
    else:
        _show(done)


def _show(done: Export) -> None:
    console = show.out()
    parity = done.parity
    logits = "" if parity.largest_difference is None else f"; logits differ by {parity.largest_difference:.2g} at most"
    console.print(f"{parity.same:.1%} of {parity.documents} documents have the same entities{logits}")
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
