"""`onoma evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from onoma.cli import show
from onoma.document import Document


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Examples:\n\n  onoma evaluate runs/assamese examples:as\n\n"
        "  onoma evaluate rules.yaml data/test.conll --train data/train.conll --json"
    )(evaluate)


@show.command
def evaluate(
    extractor: Annotated[str, typer.Argument(help="A run folder, a rules file or a hub id.")],
    corpus: Annotated[str, typer.Argument(help="Gold: a path, hub:REPO[:CONFIG] or examples:NAME.")],
    split: Annotated[str, typer.Option(help="Split to score on.")] = "test",
    train: Annotated[
        str | None, typer.Option(help="Training corpus, to score sentences apart that do not stand in it.")
    ] = None,
    base: Annotated[str | None, typer.Option(help="Where the run's base lies now.")] = None,
    format: Annotated[str | None, typer.Option(help="Format of the corpora, if their names do not tell.")] = None,
    grounded: Annotated[
        bool, typer.Option(help="Hold a generator's answers to its grammar; without, to see what that is worth.")
    ] = True,
    aliases: Annotated[
        Path | None, typer.Option(help="Label map of names that mean the same; scores are given with it, too.")
    ] = None,
    similar: Annotated[
        str | None, typer.Option(help="Base that tells how like two types' names are, for a score that counts it.")
    ] = None,
    join: Annotated[
        int | None, typer.Option(min=1, help="Read sentences that follow each other together, up to so many words.")
    ] = None,
    predictions: Annotated[Path | None, typer.Option(help="Write the predicted documents to this file.")] = None,
    as_json: Annotated[bool, show.JsonOption] = False,
) -> None:
    """Score an extractor against gold: strict entity F1, with interval and by label."""
    from onoma.corpus import load_corpus, save_corpus
    from onoma.evaluation.evaluate import evaluate as score
    from onoma.evaluation.evaluate import sentence_key
    from onoma.extractors.endpoint import EndpointExtractor
    from onoma.extractors.generator import GeneratorExtractor, ask_for
    from onoma.extractors.load import load
    from onoma.extractors.passages import PassageExtractor

    gold = load_corpus(corpus, format=format)
    documents = gold[split]
    seen = None
    if train is not None:
        seen = {sentence_key(document) for document in load_corpus(train, format=format)["train"]}
    elif "train" in gold and split != "train":
        seen = {sentence_key(document) for document in gold["train"]}
    loaded = ask_for(load(extractor, base=base), {label for part in gold.values() for label in part.label_counts})
    if isinstance(loaded, GeneratorExtractor) and not grounded:
        loaded = loaded.with_settings(grounded=False)
    found = score(PassageExtractor(loaded, join) if join else loaded, documents, seen=seen)
    usage = loaded.usage.to_dict() if isinstance(loaded, EndpointExtractor) else None
    effort = loaded.effort.to_dict() if isinstance(loaded, GeneratorExtractor) else None
    names = _names(list(documents), found.predicted, aliases, similar)
    if predictions is not None:
        save_corpus({split: found.predicted}, predictions)
    if as_json:
        result = {"extractor": extractor, "corpus": corpus, "split": split, **found.to_dict()}
        result |= names
        result |= {"usage": usage} if usage else {}
        result |= {"effort": effort} if effort else {}
        typer.echo(json.dumps(result, ensure_ascii=False))
        return
    rows = []
    for name, scores in (*found.all.labels.items(), ("all (micro)", found.all.micro)):
        rows.append((name, f"{scores.precision:.3f}", f"{scores.recall:.3f}", f"{scores.f1:.3f}", scores.support))
    console = show.out()
    console.print(show.table(f"{corpus} {split}, strict", ("label", "precision", "recall", "F1", "entities"), rows))
    low, high = found.all.interval
    console.print(f"95 % interval of F1 [{low:.3f}, {high:.3f}] · macro F1 {found.all.macro_f1:.3f}", markup=False)
    console.print(f"boundaries alone {found.all.boundary_f1:.3f} · types alone {found.all.type_f1:.3f}", markup=False)
    if found.unseen:
        console.print(
            f"on the {found.unseen.documents} of {found.all.documents} sentences not in training: "
            f"F1 {found.unseen.f1:.3f}"
        )
    if "aliases" in names:
        console.print(f"names of {aliases} taken as one: F1 {names['aliases']['micro']['f1']:.3f}", markup=False)
    if "similar" in names:
        console.print(f"types by the likeness of their names: F1 {names['similar']:.3f}")
    if len(names["languages"]) > 1:
        shown = ", ".join(f"{name} {recall:.3f} of {count}" for name, (recall, count) in names["languages"].items())
        console.print(f"recall by language: {shown}")
    if usage:
        console.print(
            f"{usage['requests']} requests, {usage['seconds'] / max(1, usage['requests']):.2f} s each, "
            f"{usage['input_tokens']} + {usage['output_tokens']} tokens, cost {usage['cost']:.4f}"
        )
        _show_findings(usage)
    if effort:
        console.print(
            f"{effort['prompt_pieces']} pieces read, {effort['pieces']} written in {effort['steps']} steps; "
            f"{effort['cut_off']} answers grew too long"
        )
        _show_findings(effort)


def _names(
    gold: list[Document], predicted: list[Document], aliases: Path | None, similar: str | None
) -> dict[str, Any]:
    """Scores that look past the names of types, and recall by language."""
    from onoma.corpus.relabel import read_label_map
    from onoma.evaluation.metrics import score
    from onoma.evaluation.open_labels import likeness_of, recall_by_language, rename, soft_f1
    from onoma.models.embedding import encoder

    found: dict[str, Any] = {"languages": recall_by_language(gold, predicted)}
    if aliases is not None:
        known = read_label_map(aliases)
        found["aliases"] = score(rename(gold, known), rename(predicted, known)).to_dict()
    if similar is not None:
        labels = [[span.label for document in part for span in document.spans] for part in (gold, predicted)]
        found["similar"] = soft_f1(gold, predicted, likeness_of(labels[1], labels[0], encoder(similar)))
    return found


def _show_findings(findings: dict[str, Any]) -> None:
    mentions = ", ".join(f"{count} {status}" for status, count in findings["statuses"].items())
    show.out().print(
        f"{findings['invalid']} answers of faulty form; mentions: {mentions or 'none'}, "
        f"{findings['other_labels']} of types not asked for"
    )
