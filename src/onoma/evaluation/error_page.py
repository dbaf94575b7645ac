"""The errors of a finished run, as JSON and as a page to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from onoma.errors import DataError, nearest
from onoma.evaluation.charts import draw_heat_map
from onoma.evaluation.compare import read_run
from onoma.evaluation.errors import KINDS, NONE, Analysis, Example, analyse
from onoma.evaluation.report import Table, page
from onoma.files import write_json, write_text


def analyse_run(run: Path, corpus: str | None = None) -> Analysis:
    """Sort out the errors that a run made on one of its test corpora; needs no model, only its predictions.

    Args:
        run: folder of a finished run.
        corpus: that it was scored on; the first if None.

    Raises:
        DataError: if the folder is no finished run, or it was not scored on that corpus.
    """
    tests = read_run(run).tests
    corpus = corpus or next(iter(tests), "")
    if corpus not in tests:
        raise DataError(f"this run was not scored on {corpus!r}", where=str(run), mend=nearest(corpus, tests))
    test = tests[corpus]
    return analyse(test.gold, test.predicted, [document.meta["known"] for document in test.predicted])


def write_errors(found: Analysis, folder: Path, title: str) -> None:
    """Write ``errors.json`` and ``errors.html`` into a folder."""
    labels = [*(label for label in found.confusion if label != NONE), NONE]
    labels += sorted({label for row in found.confusion.values() for label in row} - set(labels))
    square = {gold: {other: float(found.confusion.get(gold, {}).get(other, 0)) for other in labels} for gold in labels}
    write_json(folder / "errors.json", found.to_dict())
    charts = [("Gold and predicted labels", draw_heat_map(square))]
    write_text(folder / "errors.html", page(title, headline(found), error_tables(found), charts))


def headline(found: Analysis) -> str:
    """``"12 of 100 gold entities are missed, …"``."""
    gold = sum(count for kind, count in found.kinds.items() if kind != "spurious")
    wrong = ", ".join(f"{found.kinds[kind]} {kind}" for kind in KINDS[1:])
    return f"{found.kinds['correct']} of {gold} gold entities are right; {wrong}."


def error_tables(found: Analysis) -> list[Table]:
    """Kinds by label, slices, surfaces and examples."""
    tables = [
        Table(
            "By label",
            ("label", *KINDS),
            [(label, *(str(kinds[kind]) for kind in KINDS)) for label, kinds in found.by_label.items()],
            "Of the gold entity, or of the predicted one where there is none.",
        )
    ]
    for name, parts in found.slices.items():
        rows = [(part, str(one.support), f"{one.recall:.3f}") for part, one in parts.items()]
        tables.append(Table(f"Recall by {name}", (name, "gold entities", "recall"), rows))
    tables.append(
        Table(
            "Most often wrong",
            ("surface", "errors", "of"),
            [(surface, str(errors), str(times)) for surface, errors, times in found.surfaces],
        )
    )
    tables += [
        Table(f"Examples: {kind}", ("text", "gold", "predicted"), [_row(example) for example in examples])
        for kind, examples in found.examples.items()
        if examples
    ]
    return tables


def _row(example: Example) -> Sequence[str]:
    return (
        f"{example.before}⟦{example.text}⟧{example.after}",
        " ".join(reversed(example.gold)) if example.gold else "–",
        " ".join(reversed(example.predicted)) if example.predicted else "–",
    )
