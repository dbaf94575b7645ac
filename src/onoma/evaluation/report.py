"""A comparison as pages to read: Markdown for a repository, one self-contained HTML file for everybody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import Any

from onoma.evaluation.compare import Comparison, Score, System
from onoma.files import write_json, write_text

_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Curve:
    """A chart of F1 over something that variants differ in, such as the number of training sentences.

    Args:
        title: what stands on the x axis.
        points: system by its x.
    """

    title: str
    points: Mapping[float, str]


@dataclass(frozen=True)
class _Table:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def write_report(
    comparison: Comparison,
    folder: Path,
    *,
    title: str,
    about: Mapping[str, str] | None = None,
    curves: Sequence[Curve] = (),
) -> None:
    """Write ``report.md``, ``report.html`` and ``comparison.json`` into a folder.

    Args:
        comparison: from :func:`onoma.evaluation.compare.compare`.
        folder: made if it is not there.
        title: of the pages.
        about: a line on each system.
        curves: charts besides those of training.
    """
    tables = _tables(comparison, about or {}, curves)
    write_json(folder / "comparison.json", comparison.to_dict())
    write_text(folder / "report.md", _markdown(title, tables, comparison))
    write_text(folder / "report.html", _html(title, tables, _charts(comparison, curves), comparison))


def _tables(comparison: Comparison, about: Mapping[str, str], curves: Sequence[Curve]) -> list[_Table]:
    systems = comparison.systems
    first = systems[0]
    main = _Table(
        f"Strict entity F1 on {comparison.corpus}, {comparison.split}",
        ("system", "seeds", "F1", "95 % interval", "unseen F1", "difference", "p", "p (Holm)", "p unseen"),
        [
            (
                line.name,
                str(len(line.seeds)),
                str(line.full),
                f"{line.full.interval[0]:.3f}–{line.full.interval[1]:.3f}",
                str(line.unseen),
                "reference" if line.p is None else f"{line.difference:+.3f}",
                _p(line.p),
                _p(line.p_holm),
                _p(line.p_unseen),
            )
            for line in systems
        ],
        f"Mean ± standard deviation over seeds on {first.full.documents} sentences; unseen: the "
        f"{first.unseen.documents} of them that stand in no compared run's training data. The interval is a bootstrap "
        f"over sentences with all seeds pooled. p: approximate randomization over sentences "
        f"against {comparison.reference}, two-sided; Holm: adjusted for the number of comparisons.",
    )
    labels = list(first.labels)
    corpora = list(first.corpora)
    tables = [
        main,
        _Table(
            f"By label, on {comparison.corpus}",
            ("system", *labels),
            [(line.name, *(f"{line.labels[label]:.3f}" for label in labels)) for line in systems],
        ),
        _Table(
            "By test corpus",
            ("system", *corpora),
            [(line.name, *(_cell(line.corpora.get(name)) for name in corpora)) for line in systems],
        ),
        _Table(
            "What it costs",
            ("system", "training, s", "last stage, s", "trained parameters", "saved, MB"),
            [
                (
                    line.name,
                    f"{line.seconds:.0f}",
                    f"{line.last_seconds:.0f}",
                    f"{line.trainable:,}",
                    f"{line.bytes / 1e6:.1f}",
                )
                for line in systems
            ],
            f"Mean over seeds; machine: {comparison.machine}.",
        ),
    ]
    by_name = {line.name: line for line in systems}
    for curve in curves:
        rows = [(f"{x:g}", name, str(by_name[name].full)) for x, name in sorted(curve.points.items())]
        tables.append(_Table(f"F1 by {curve.title.lower()}", (curve.title, "system", "F1"), rows))
    described = [(name, about[name]) for name in by_name if about.get(name)]
    if described:
        tables.append(_Table("The systems", ("system", "what it is"), described))
    return tables


def _p(value: float | None) -> str:
    return "" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _markdown(title: str, tables: Sequence[_Table], comparison: Comparison) -> str:
    lines = [f"# {title}", "", _headline(comparison), ""]
    for table in tables:
        numbers = [all(row[index][:1] in "0123456789+-–<" for row in table.rows) for index in range(len(table.columns))]
        lines += [
            f"## {table.title}",
            "",
            f"| {' | '.join(table.columns)} |",
            f"|{'|'.join('---:' if right else '---' for right in numbers)}|",
            *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in table.rows),
            "",
        ]
        lines += [table.note, ""] if table.note else []
    return "\n".join(lines)


def _headline(comparison: Comparison) -> str:
    reference = next(line for line in comparison.systems if line.name == comparison.reference)
    best = max(comparison.systems, key=lambda line: line.full.mean)
    text = (
        f"{reference.name}: {reference.full} strict F1 on {comparison.corpus} ({comparison.split}), "
        f"{reference.unseen} unseen."
    )
    if best.p is not None and best.p_holm is not None:
        sure = "a difference" if best.p_holm < _SIGNIFICANT else "which may be chance"
        text += f" Best: {best.name}, {best.full} ({best.difference:+.3f}, p {_p(best.p_holm)} after Holm: {sure})."
    return text


def _html(title: str, tables: Sequence[_Table], charts: Sequence[tuple[str, str]], comparison: Comparison) -> str:
    from jinja2 import Environment
    from markupsafe import Markup

    template = resources.files("onoma.evaluation").joinpath("report.html").read_text(encoding="utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    drawn = [(name, Markup(svg)) for name, svg in charts]
    return page.render(title=title, headline=_headline(comparison), tables=tables, charts=drawn)


def _charts(comparison: Comparison, curves: Sequence[Curve]) -> list[tuple[str, str]]:
    """Titles with SVG drawings."""
    systems = {line.name: line for line in comparison.systems}
    charts = [(f"Strict F1 on {comparison.corpus}, with 95 % intervals", _intervals(comparison))]
    for curve in curves:
        points = [(x, systems[name].full) for x, name in sorted(curve.points.items())]
        charts.append((f"F1 by {curve.title.lower()}", _line_of_scores(points, curve.title)))
    if any(len(line.curve) > 1 for line in systems.values()):
        charts.append(("F1 on validation, last stage", _training_curves(list(systems.values()))))
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
