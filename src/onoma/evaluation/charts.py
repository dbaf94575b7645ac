"""Drawings of a comparison, as SVG that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from onoma.evaluation.compare import Comparison, Score, System


@dataclass(frozen=True)
class Curve:
    """A chart of F1 over something that variants differ in, such as the number of training sentences.

    Args:
        title: what stands on the x axis.
        points: system by its x.
    """

    title: str
    points: Mapping[float, str]


def draw_charts(comparison: Comparison, curves: Sequence[Curve]) -> list[tuple[str, str]]:
    """Titles with SVG drawings.

    Args:
        comparison: from :func:`onoma.evaluation.compare.compare`.
        curves: charts besides those that every comparison has.
    """
    systems = {line.name: line for line in comparison.systems}
    charts = [(f"Strict F1 on {comparison.corpus}, with 95 % intervals", _intervals(comparison))]
    for curve in curves:
        points = [(x, systems[name].full) for x, name in sorted(curve.points.items())]
        charts.append((f"F1 by {curve.title.lower()}", _line_of_scores(points, curve.title)))
    if any(len(line.curve) > 1 for line in systems.values()):
        charts.append(("F1 on validation, last stage", _training_curves(list(systems.values()))))
    reference = systems[comparison.reference]
    charts.append((f"Gold and predicted labels, {reference.name}", draw_heat_map(reference.confusion)))
    kinds = next((list(line.robustness) for line in comparison.systems if line.robustness), [])
    charts += [(f"F1 under {kind}", _robustness(comparison.systems, kind)) for kind in kinds]
    return charts


def _intervals(comparison: Comparison) -> str:
    figure, axes = _figure(height=0.6 + 0.32 * len(comparison.systems))
    for row, line in enumerate(reversed(comparison.systems)):
        low, high = line.full.interval
        colour = "C1" if line.name == comparison.reference else "C0"
        axes.plot([low, high], [row, row], color=colour, linewidth=2)
        axes.plot([line.full.mean], [row], "o", color=colour)
        axes.plot([line.unseen.mean], [row], "o", color=colour, fillstyle="none")
    axes.set_yticks(range(len(comparison.systems)), [line.name for line in reversed(comparison.systems)])
    axes.set_xlabel("filled: all sentences; hollow: unseen ones")
    return _svg(figure)


def _line_of_scores(points: Sequence[tuple[float, Score]], label: str) -> str:
    figure, axes = _figure()
    axes.errorbar(
        [x for x, _ in points],
        [score.mean for _, score in points],
        yerr=[score.sd or 0.0 for _, score in points],
        marker="o",
        capsize=3,
    )
    axes.set_xlabel(label)
    axes.set_ylabel("strict F1")
    return _svg(figure)


def _training_curves(systems: Sequence[System]) -> str:
    figure, axes = _figure()
    for index, line in enumerate(systems):
        if len(line.curve) > 1:
            style = ("-", "--", ":", "-.")[index // 10 % 4]
            axes.plot(*zip(*line.curve, strict=True), style, label=line.name)
    axes.set_xlabel("step")
    axes.set_ylabel("strict F1")
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    return _svg(figure)


def draw_heat_map(confusion: Mapping[str, Mapping[str, float]]) -> str:
    """Counts by gold label (rows) and predicted label, shaded by their share of the row."""
    labels = list(confusion)
    figure, axes = _figure(height=1.2 + 0.45 * len(labels))
    shares = [
        [confusion[gold][predicted] / max(1.0, sum(confusion[gold].values())) for predicted in labels]
        for gold in labels
    ]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, gold in enumerate(labels):
        for column, predicted in enumerate(labels):
            colour = "white" if shares[row][column] > 0.5 else "black"
            count = confusion[gold][predicted]
            axes.text(column, row, f"{count:.0f}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted; O: nothing")
    axes.set_ylabel("gold")
    axes.grid(visible=False)
    return _svg(figure)


def _robustness(systems: Sequence[System], kind: str) -> str:
    figure, axes = _figure(height=2.6)
    for line in systems:
        if kind in line.robustness:
            axes.plot(*zip(*line.robustness[kind], strict=True), marker="o", label=line.name)
    axes.set_xlabel("share of words touched")
    axes.set_ylabel("strict F1")
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    return _svg(figure)


def _figure(height: float = 3.2) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, height), layout="constrained")
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Any) -> str:
    import matplotlib

    out = StringIO()
    # Without salt and date the same comparison gives the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "onoma", "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
