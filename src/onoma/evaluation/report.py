"""A comparison as pages to read: Markdown for a repository, one self-contained HTML file for everybody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from onoma.evaluation.charts import Curve, draw_charts
from onoma.evaluation.compare import Comparison, System
from onoma.evaluation.significance import p_text
from onoma.files import write_json, write_text

_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Table:
    """A table of a page: text in cells, numbers already written."""

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
    write_text(folder / "report.html", page(title, _headline(comparison), tables, draw_charts(comparison, curves)))


def _tables(comparison: Comparison, about: Mapping[str, str], curves: Sequence[Curve]) -> list[Table]:
    systems = comparison.systems
    first = systems[0]
    main = Table(
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
                p_text(line.p),
                p_text(line.p_holm),
                p_text(line.p_unseen),
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
        Table(
            f"By label, on {comparison.corpus}",
            ("system", *labels),
            [(line.name, *(f"{line.labels[label]:.3f}" for label in labels)) for line in systems],
        ),
        Table(
            "By test corpus",
            ("system", *corpora),
            [(line.name, *(_cell(line.corpora.get(name)) for name in corpora)) for line in systems],
        ),
        Table(
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
    tables.append(
        Table(
            f"What is right and wrong, on {comparison.corpus}",
            ("system", *first.kinds, "calibration error"),
            [
                (line.name, *(f"{count:.1f}" for count in line.kinds.values()), f"{line.calibration_error:.3f}")
                for line in systems
            ],
            "Entities, mean over seeds: right, found with another label, with other bounds, with both, not found, and "
            "found where none is. Calibration error: mean distance between score and precision, over bins of entities.",
        )
    )
    measured = [line for line in systems if line.robustness]
    if measured:
        tables.append(_robustness_table(measured))
    by_name = {line.name: line for line in systems}
    for curve in curves:
        rows = [(f"{x:g}", name, str(by_name[name].full)) for x, name in sorted(curve.points.items())]
        tables.append(Table(f"F1 by {curve.title.lower()}", (curve.title, "system", "F1"), rows))
    described = [(name, about[name]) for name in by_name if about.get(name)]
    if described:
        tables.append(Table("The systems", ("system", "what it is"), described))
    return tables


def _robustness_table(systems: Sequence[System]) -> Table:
    """F1 under the strongest harm of each kind, next to F1 on the same sentences without any."""
    kinds = list(systems[0].robustness)
    strongest = max(strength for strength, _ in systems[0].robustness[kinds[0]])
    return Table(
        f"Strict F1 when text comes to harm, {strongest:.0%} of words touched",
        ("system", "none", *kinds),
        [
            (
                line.name,
                f"{line.robustness[kinds[0]][0][1]:.3f}",
                *(f"{line.robustness[kind][-1][1]:.3f}" for kind in kinds),
            )
            for line in systems
            if list(line.robustness) == kinds
        ],
        "On the same harmed sentences for all; the curves are drawn below on the page.",
    )


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _markdown(title: str, tables: Sequence[Table], comparison: Comparison) -> str:
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
        text += f" Best: {best.name}, {best.full} ({best.difference:+.3f}, p {p_text(best.p_holm)} after Holm: {sure})."
    return text


def page(title: str, headline: str, tables: Sequence[Table], charts: Sequence[tuple[str, str]]) -> str:
    """A self-contained HTML page.

    Args:
        title: of the page.
        headline: one sentence that says it all.
        tables: in order; their text is escaped.
        charts: titles with SVG drawings, below the tables.
    """
    from jinja2 import Environment
    from markupsafe import Markup

    template = resources.files("onoma.evaluation").joinpath("report.html").read_text(encoding="utf-8")
    made = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    drawn = [(name, Markup(svg)) for name, svg in charts]
    return made.render(title=title, headline=headline, tables=tables, charts=drawn)
