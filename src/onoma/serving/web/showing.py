"""The tab that shows finished runs: metrics with intervals, charts, and a heat map whose cells open their sentences."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from onoma.deployment.benchmark import Benched, read_benched
from onoma.errors import OnomaError
from onoma.evaluation.calibration import Reliability, measure_reliability, scored_spans
from onoma.evaluation.compare import Comparison, RunResult, System, compare, read_run
from onoma.evaluation.errors import NONE, pair_spans
from onoma.evaluation.significance import p_text
from onoma.serving.web import figures
from onoma.serving.web.markup import QUIET, highlighted, note, table

_DEPTH = 3
_SENTENCES = 30
_CELLS = """
element.addEventListener("click", event => {
  const cell = event.target.closest("button[data-gold]");
  if (cell) trigger("select", {gold: cell.dataset.gold, predicted: cell.dataset.predicted});
});
"""


def list_runs(folder: Path) -> list[str]:
    """Finished runs under a folder, by their path in it; those of studies too."""
    found = []
    for path in sorted(folder.rglob("metrics.json")):
        run = path.parent.relative_to(folder)
        inside = "stages" in run.parts or any(part.endswith(".partial") for part in run.parts)
        if len(run.parts) <= _DEPTH and not inside and (path.parent / "predictions.parquet").exists():
            found.append(str(run))
    return found


def load_runs(folder: Path, names: Sequence[str]) -> dict[str, RunResult]:
    """Runs by name.

    Raises:
        OnomaError: for a name that is not listed, or a run that cannot be read.
    """
    known = set(list_runs(folder))
    for name in names:
        if name not in known:
            raise OnomaError(f"no run {name!r} in {folder}")
    return {name: read_run(folder / name) for name in names}


def overview(comparison: Comparison, runs: dict[str, RunResult]) -> str:
    """A table of the runs: scores, what was trained, how long, how large."""
    columns = ("run", "base", "F1", "95 % interval", "unseen F1", "p", "trained parameters", "MB", "s of training")
    rows = []
    for system in comparison.systems:
        low, high = system.full.interval
        rows.append(
            (
                system.name,
                runs[system.name].metrics["base"],
                system.full.mean,
                f"{low:.3f}–{high:.3f}",
                system.unseen.mean,
                "reference" if system.p is None else p_text(system.p),
                system.trainable,
                f"{system.bytes / 1e6:.1f}",
                round(system.seconds),
            )
        )
    about = f"{comparison.corpus}, {comparison.split}; p against {comparison.reference}, approximate randomization"
    return table(columns, rows) + note(about)


def costs(benched: Sequence[Benched]) -> str:
    """A table of what extractors cost: size, memory, throughput, latency."""
    if not benched:
        return ""
    columns = ("extractor", "MB", "MB of memory", "texts/s", "p50 ms", "p95", "p99", "s to the first answer")
    rows = []
    for one in benched:
        milliseconds = (f"{1000 * seconds:.1f}" for seconds in (one.speed.p50, one.speed.p95, one.speed.p99))
        figures_of_one = (f"{one.size / 1e6:.1f}", f"{one.memory / 1e6:.0f}", f"{one.speed.sentences:.1f}")
        rows.append((one.name, *figures_of_one, *milliseconds, f"{one.cold_start:.2f}"))
    return table(columns, rows) + note("as `onoma bench` measured them; an adapter's size is without its base")


def heat_map(system: System) -> str:
    """Gold labels against predicted ones, as buttons; the diagonal is what was right."""
    labels = sorted({*system.confusion, *(label for row in system.confusion.values() for label in row)} - {NONE})
    labels.append(NONE)
    head = "".join(f"<th>{escape(label)}</th>" for label in labels)
    rows = []
    for gold in labels:
        row = system.confusion.get(gold, {})
        total = sum(row.values()) or 1
        cells = []
        for predicted in labels:
            count = row.get(predicted, 0)
            kind = ' class="right"' if gold == predicted else ""
            cells.append(
                f'<td><button{kind} style="--share:{count / total:.3f}" data-gold="{escape(gold)}" '
                f'data-predicted="{escape(predicted)}">{count:g}</button></td>'
                if count
                else "<td></td>"
            )
        rows.append(f"<tr><th>{escape(gold)}</th>{''.join(cells)}</tr>")
    title = note(f"{system.name}: gold labels down, predicted ones across; a cell opens its sentences")
    return (
        f'{title}<div class="onoma-scroll"><table class="onoma-table onoma-heat"><tr><th></th>{head}</tr>'
        f"{''.join(rows)}</table></div>"
    )


def sentences(run: RunResult, corpus: str, gold: str, predicted: str) -> str:
    """Sentences with a pair of such labels, as the run labelled them and as they should be."""
    test = run.tests[corpus]
    labels = sorted({span.label for document in (*test.gold, *test.predicted) for span in document.spans})
    shown = []
    for right, answer in zip(test.gold, test.predicted, strict=True):
        pairs = pair_spans(right.spans, answer.spans)
        if any(_label(pair.gold) == gold and _label(pair.predicted) == predicted for pair in pairs):
            wrong = [pair.gold for pair in pairs if pair.gold and pair.kind != "correct"]
            missed = [pair.predicted for pair in pairs if pair.predicted and pair.kind != "correct"]
            shown.append(
                note("gold")
                + highlighted(right, labels, differing=wrong)
                + note("predicted")
                + highlighted(answer, labels, differing=missed)
            )
    head = note(f"{len(shown)} sentences with gold {gold} and predicted {predicted}; the first {_SENTENCES}")
    return head + "<hr>".join(shown[:_SENTENCES])


def build(page: gr.Blocks, folder: Path) -> None:
    """Put the tab's parts into the block that is open.

    Args:
        page: the whole page.
        folder: that holds runs.
    """
    state = gr.State({})
    with gr.Row():
        chosen = gr.Dropdown([], multiselect=True, label=f"Runs in {folder}", elem_id="runs", scale=4)
        corpus = gr.Dropdown([], label="Test corpus", elem_id="corpus", scale=1)
    summary = gr.HTML(elem_id="summary", apply_default_css=False)
    with gr.Row():
        intervals = gr.Plot(show_label=False)
        labels = gr.Plot(show_label=False)
    with gr.Row():
        curve = gr.Plot(show_label=False)
        calibrated = gr.Plot(show_label=False)
    with gr.Row():
        harm = gr.Plot(show_label=False)
        latency = gr.Plot(show_label=False)
    spent = gr.HTML(elem_id="costs", apply_default_css=False)
    heat = gr.HTML(elem_id="heat", js_on_load=_CELLS, apply_default_css=False)
    examples = gr.HTML(elem_id="sentences", apply_default_css=False)
    charts = [summary, intervals, labels, curve, calibrated, harm, latency, spent, heat, examples]

    def draw(names: list[str], wanted: str | None) -> tuple[Any, ...]:
        if not names:
            return {}, gr.update(choices=[], value=None), note("Choose one or more runs."), *[None] * 6, "", "", ""
        try:
            runs = load_runs(folder, names)
            shared = [
                name for name in next(iter(runs.values())).tests if all(name in run.tests for run in runs.values())
            ]
            comparison = compare(
                {name: [run] for name, run in runs.items()}, corpus=wanted if wanted in shared else None
            )
        except OnomaError as error:
            raise gr.Error(str(error), print_exception=False) from error
        systems = comparison.systems
        benched, spent_on = _benched(folder)
        return (
            {"run": next(iter(runs.values())), "corpus": comparison.corpus},
            gr.update(choices=shared, value=comparison.corpus),
            overview(comparison, runs),
            *map(
                _plot,
                (
                    figures.with_intervals(systems),
                    figures.by_label(systems),
                    figures.curves(runs),
                    figures.reliability({name: _reliability(run, comparison.corpus) for name, run in runs.items()}),
                    figures.robustness(systems),
                    figures.costs(benched),
                ),
            ),
            spent_on,
            heat_map(systems[0]),
            "",
        )

    def open_cell(shown: dict[str, Any], event: gr.EventData) -> str:
        data = event._data  # the only way that Gradio offers to what a trigger brings
        return sentences(shown["run"], shown["corpus"], str(data["gold"]), str(data["predicted"]))

    outputs = [state, corpus, *charts]
    gr.on([chosen.change, corpus.input], draw, [chosen, corpus], outputs, **QUIET)
    heat.select(open_cell, state, examples, **QUIET)

    def fill() -> Any:
        found = list_runs(folder)
        return gr.update(choices=found, value=found[:1])

    page.load(fill, None, chosen, **QUIET)


def _benched(folder: Path) -> tuple[list[Benched], str]:
    """What `onoma bench` measured, from all files ``bench*.json``, and its table; or what is wrong with one of them."""
    try:
        benched = [one for path in sorted(folder.glob("bench*.json")) for one in read_benched(path)]
    except OnomaError as error:
        return [], note(str(error))
    return benched, costs(benched)


def _plot(figure: Any) -> Any:
    """A chart, unless nothing of it was measured."""
    return gr.update(value=figure, visible=bool(figure.data))


def _reliability(run: RunResult, corpus: str) -> Reliability:
    test = run.tests[corpus]
    found = scored_spans(test.gold, test.predicted)
    return measure_reliability([one for own in found.values() for one in own])


def _label(span: Any) -> str:
    return NONE if span is None else str(span.label)
