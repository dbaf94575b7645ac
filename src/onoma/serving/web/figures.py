"""Charts of runs, for the page; interactive, of plotly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from onoma.deployment.benchmark import Benched
from onoma.evaluation.calibration import Reliability
from onoma.evaluation.compare import RunResult, System

_COLOURS = ("#3b7dd8", "#d9822b", "#2f9e6e", "#c2478f", "#7a5cd0", "#b0902a", "#2a9aa8", "#c24545")


def by_label(systems: Sequence[System]) -> go.Figure:
    """Strict F1 of each label, a bar a run."""
    labels = sorted({label for system in systems for label in system.labels})
    bars = [
        go.Bar(name=system.name, x=labels, y=[system.labels.get(label) for label in labels], marker_color=colour)
        for system, colour in zip(systems, _colours(systems), strict=True)
    ]
    return _figure(bars, "Strict F1 by label", "", "F1", barmode="group")


def with_intervals(systems: Sequence[System]) -> go.Figure:
    """Strict F1 with its 95 % interval, on all documents and on those that nobody has seen."""
    marks = []
    for kind, name, colour in (("full", "all", _COLOURS[0]), ("unseen", "unseen", _COLOURS[1])):
        scores = [getattr(system, kind) for system in systems]
        marks.append(
            go.Scatter(
                name=name,
                x=[score.mean for score in scores],
                y=[system.name for system in systems],
                mode="markers",
                marker={"size": 10, "color": colour},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [score.interval[1] - score.mean for score in scores],
                    "arrayminus": [score.mean - score.interval[0] for score in scores],
                },
            )
        )
    return _figure(marks, "Strict F1 with 95 % interval", "F1", "")


def curves(runs: Mapping[str, RunResult]) -> go.Figure:
    """Strict F1 on validation by step."""
    lines = [
        go.Scatter(name=name, x=[step for step, _ in run.curve], y=[f1 for _, f1 in run.curve], line={"color": colour})
        for (name, run), colour in zip(runs.items(), _colours(runs), strict=True)
        if run.curve
    ]
    return _figure(lines, "Learning curves (validation)", "step", "strict F1")


def robustness(systems: Sequence[System]) -> go.Figure:
    """Strict F1 on harmed text, a line for each kind of harm and run."""
    lines = [
        go.Scatter(
            name=f"{system.name}: {kind}",
            x=[strength for strength, _ in points],
            y=[f1 for _, f1 in points],
            line={"color": colour},
        )
        for system, colour in zip(systems, _colours(systems), strict=True)
        for kind, points in system.robustness.items()
    ]
    return _figure(lines, "Robustness", "share of words that come to harm", "strict F1")


def reliability(measured: Mapping[str, Reliability]) -> go.Figure:
    """Precision by score; a run whose scores mean what they say lies on the diagonal."""
    lines: list[Any] = [
        go.Scatter(name="ideal", x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": "#888888"})
    ]
    for (name, one), colour in zip(measured.items(), _colours(measured), strict=True):
        lines.append(
            go.Scatter(
                name=f"{name} (error {one.error:.3f})",
                x=[part.score for part in one.bins],
                y=[part.precision for part in one.bins],
                mode="lines+markers",
                line={"color": colour},
            )
        )
    return _figure(lines, "Reliability of scores", "mean score", "precision")


def costs(benched: Sequence[Benched]) -> go.Figure:
    """Latency by size, a mark an extractor: the best are small and low."""
    marks = [
        go.Scatter(
            name=one.name,
            x=[one.size / 1e6],
            y=[1000 * one.speed.p50],
            mode="markers",
            marker={"size": 12, "color": colour},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [1000 * (one.speed.p99 - one.speed.p50)],
                "arrayminus": [0],
            },
        )
        for one, colour in zip(benched, _colours(benched), strict=True)
    ]
    return _figure(marks, "Latency of one text: median, and up to 99 %", "MB", "ms")


def _colours(things: Any) -> list[str]:
    return [_COLOURS[number % len(_COLOURS)] for number in range(len(things))]


def _figure(traces: Sequence[Any], title: str, x: str, y: str, **layout: Any) -> go.Figure:
    figure = go.Figure(list(traces))
    figure.update_layout(
        title=title,
        xaxis_title=x,
        yaxis_title=y,
        height=340,
        margin={"l": 50, "r": 20, "t": 50, "b": 45},
        # The page has a light and a dark look; grey can be read on both.
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": "#888888"},
        legend={"orientation": "h", "y": -0.25},
        **layout,
    )
    figure.update_xaxes(gridcolor="rgba(128,128,128,.25)", automargin=True)
    figure.update_yaxes(gridcolor="rgba(128,128,128,.25)", automargin=True)
    return figure
