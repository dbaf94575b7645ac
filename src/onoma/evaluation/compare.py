"""Runs side by side: means over seeds, pooled intervals, paired tests against a reference."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onoma.corpus import load_corpus
from onoma.document import Document, Span
from onoma.errors import DataError, nearest
from onoma.evaluation.calibration import measure_reliability, scored_spans
from onoma.evaluation.errors import KINDS, NONE, Kind, analyse
from onoma.evaluation.metrics import span_counts
from onoma.evaluation.significance import approximate_randomization, f1_of, holm, pooled_interval
from onoma.files import read_json

_SEED = 13


@dataclass(frozen=True)
class TestSet:
    """What a run answered on one test corpus.

    Args:
        gold: documents with gold spans.
        predicted: the same with predicted spans.
        seen: whether each one's words stand in the run's training data.
    """

    gold: list[Document]
    predicted: list[Document]
    seen: list[bool]


@dataclass(frozen=True)
class RunResult:
    """A finished run, as a comparison sees it.

    Args:
        folder: of the run.
        metrics: contents of its ``metrics.json``.
        environment: contents of its ``environment.json``.
        tests: by corpus.
        curve: ``(step, strict F1 on validation)`` in the last stage.
    """

    folder: Path
    metrics: Mapping[str, Any]
    environment: Mapping[str, Any]
    tests: Mapping[str, TestSet]
    curve: list[tuple[int, float]]

    @property
    def seconds(self) -> float:
        """Training time over all stages."""
        return float(sum(stage["seconds"] for stage in self.metrics["stages"]))


@dataclass(frozen=True)
class Score:
    """F1 of one system on one set of documents.

    Args:
        mean: over seeds.
        sd: over seeds, or None for a single one.
        interval: bootstrap 95 % interval, documents resampled, all seeds pooled.
        documents: how many there are.
    """

    mean: float
    sd: float | None
    interval: tuple[float, float]
    documents: int

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + (f" ± {self.sd:.3f}" if self.sd is not None else "")


@dataclass(frozen=True)
class System:
    """One line of a comparison.

    Args:
        name: of the system.
        seeds: of its runs.
        full: strict F1 on the whole test set.
        unseen: strict F1 on the documents that no compared run has in its training data.
        labels: mean strict F1 by label.
        corpora: mean strict F1 on every test corpus.
        difference: mean F1 minus the reference's.
        p: of that difference (approximate randomization, two-sided), or None for the reference itself.
        p_holm: the same, adjusted for the number of comparisons.
        p_unseen: of the difference on the unseen documents.
        seconds: mean training time, all stages.
        last_seconds: mean training time of the last stage.
        trainable: trained parameters of the last stage.
        bytes: size of what the run saves.
        curve: mean strict F1 on validation by step of the last stage.
        kinds: mean number of pairs of gold and predicted spans by what is wrong, see :mod:`onoma.evaluation.errors`.
        confusion: the same by gold and predicted label.
        calibration_error: mean expected calibration error of span scores.
        robustness: by perturbation, ``(strength, mean strict F1)``; empty where it was not measured.
    """

    name: str
    seeds: tuple[int, ...]
    full: Score
    unseen: Score
    labels: dict[str, float]
    corpora: dict[str, float]
    difference: float
    p: float | None
    p_holm: float | None
    p_unseen: float | None
    seconds: float
    last_seconds: float
    trainable: int
    bytes: int
    curve: list[tuple[float, float]]
    kinds: dict[Kind, float]
    confusion: dict[str, dict[str, float]]
    calibration_error: float
    robustness: dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class Comparison:
    """Systems side by side on one test corpus.

    Args:
        corpus: that the scores are of.
        split: of it.
        reference: that the tests are against.
        systems: in the order given.
        machine: what the runs were made on.
    """

    corpus: str
    split: str
    reference: str
    systems: list[System]
    machine: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


def read_run(folder: Path) -> RunResult:
    """Read what a run left, for a comparison.

    Raises:
        DataError: if the folder is no finished run, or has no predictions.
    """
    if not (folder / "metrics.json").exists():
        raise DataError("this is not a finished run", where=str(folder), mend="Name a folder that `onoma train` left.")
    tests: dict[str, TestSet] = {}
    for document in load_corpus(folder / "predictions.parquet")["train"]:
        test = tests.setdefault(document.meta["corpus"], TestSet([], [], []))
        spans = [Span(start, end, label) for start, end, label in document.meta["gold"]]
        test.gold.append(document.with_spans(spans))
        test.predicted.append(document)
        test.seen.append(document.meta["seen"])
    return RunResult(
        folder,
        read_json(folder / "metrics.json"),
        read_json(folder / "environment.json"),
        tests,
        _curve(folder / "training_log.jsonl"),
    )


def compare(
    systems: Mapping[str, Sequence[RunResult]], *, corpus: str | None = None, reference: str | None = None
) -> Comparison:
    """Compare systems, each of one or more runs that differ in their seed alone.

    Args:
        systems: runs by system.
        corpus: test corpus to compare on; the first that all have if None.
        reference: system that the others are tested against; the first if None.

    Raises:
        DataError: if the runs were not tested on the same documents, or a name is not known.
    """
    reference = reference or next(iter(systems))
    if reference not in systems:
        raise DataError(f"no system {reference!r} to compare with", mend=nearest(reference, systems))
    runs = [run for group in systems.values() for run in group]
    shared = [name for name in runs[0].tests if all(name in run.tests for run in runs)]
    corpus = corpus or next(iter(shared), "")
    if corpus not in shared:
        raise DataError(f"not every run was tested on {corpus!r}", mend=nearest(corpus, shared))
    texts = [document.text for document in runs[0].tests[corpus].gold]
    for run in runs:
        if [document.text for document in run.tests[corpus].gold] != texts:
            raise DataError(f"tested on other documents of {corpus!r} than {runs[0].folder}", where=str(run.folder))
    fresh = ~np.any([run.tests[corpus].seen for run in runs], axis=0)
    counts = {name: _counts(group, corpus) for name, group in systems.items()}
    pooled = {name: values.mean(axis=0) for name, values in counts.items()}

    def p_values(rows: npt.NDArray[np.bool_]) -> dict[str, float]:
        against = pooled[reference][rows]
        return {
            name: approximate_randomization(values[rows], against, seed=_SEED)
            for name, values in pooled.items()
            if name != reference
        }

    p, p_unseen = p_values(np.ones(len(texts), bool)), p_values(fresh)
    adjusted = holm(p)
    scores = {name: _score(values) for name, values in counts.items()}
    lines = [
        System(
            name=name,
            full=scores[name],
            unseen=_score(counts[name][:, fresh]),
            difference=scores[name].mean - scores[reference].mean,
            p=p.get(name),
            p_holm=adjusted.get(name),
            p_unseen=p_unseen.get(name),
            **_details(group, corpus),
        )
        for name, group in systems.items()
    ]
    devices = {str(run.environment["device"]) for run in runs}
    split = runs[0].metrics["score_on"]
    return Comparison(corpus, split, reference, lines, "; ".join(sorted(devices)))


def _counts(group: Sequence[RunResult], corpus: str) -> npt.NDArray[np.int64]:
    """Counts of a system's runs, shape ``(seeds, documents, 3)``."""
    return np.stack([span_counts(run.tests[corpus].gold, run.tests[corpus].predicted) for run in group])


def _details(group: Sequence[RunResult], corpus: str) -> dict[str, Any]:
    """What a :class:`System` says beside its scores and tests."""
    labels = sorted({span.label for document in group[0].tests[corpus].gold for span in document.spans})
    last = [run.metrics["stages"][-1] for run in group]
    tests = [run.tests[corpus] for run in group]
    analyses = [analyse(test.gold, test.predicted) for test in tests]
    rows = [*labels, NONE]
    return {
        "seeds": tuple(run.metrics["seed"] for run in group),
        "labels": {label: _mean_f1(group, corpus, label) for label in labels},
        "corpora": {other: _mean_f1(group, other) for other in group[0].tests},
        "seconds": statistics.fmean(run.seconds for run in group),
        "last_seconds": statistics.fmean(stage["seconds"] for stage in last),
        "trainable": last[0]["trainable"],
        "bytes": last[0]["bytes"],
        "curve": _mean_curve([run.curve for run in group]),
        "kinds": {kind: statistics.fmean(found.kinds[kind] for found in analyses) for kind in KINDS},
        "confusion": {
            gold: {
                predicted: statistics.fmean(found.confusion.get(gold, {}).get(predicted, 0) for found in analyses)
                for predicted in rows
            }
            for gold in rows
        },
        "calibration_error": statistics.fmean(_calibration_error(test) for test in tests),
        "robustness": _mean_robustness([run.metrics.get("robustness") for run in group]),
    }


def _score(counts: npt.NDArray[np.int64]) -> Score:
    values = [float(f1) for f1 in f1_of(counts.sum(axis=1))]
    return Score(
        mean=statistics.fmean(values),
        sd=statistics.stdev(values) if len(values) > 1 else None,
        interval=pooled_interval(counts.mean(axis=0), seed=_SEED),
        documents=counts.shape[1],
    )


def _mean_f1(group: Sequence[RunResult], corpus: str, label: str | None = None) -> float:
    tests = [run.tests[corpus] for run in group]
    return statistics.fmean(float(f1_of(span_counts(test.gold, test.predicted, label).sum(axis=0))) for test in tests)


def _calibration_error(test: TestSet) -> float:
    scored = scored_spans(test.gold, test.predicted)
    return measure_reliability([item for spans in scored.values() for item in spans]).error


def _mean_robustness(measured: Sequence[Mapping[str, Any] | None]) -> dict[str, list[tuple[float, float]]]:
    """Mean curves of runs that were measured on the same harm; nothing where one was not."""
    curves = [found["curves"] for found in measured if found]
    if len(curves) < len(measured):
        return {}
    return {
        kind: [
            (point["strength"], statistics.fmean(curve[kind][number]["f1"] for curve in curves))
            for number, point in enumerate(points)
        ]
        for kind, points in curves[0].items()
    }


def _curve(log: Path) -> list[tuple[int, float]]:
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    # A resumed training logs the steps after its last checkpoint again; the later entry is the one that counts.
    return sorted({entry["step"]: entry["eval_f1"] for entry in entries if "eval_f1" in entry}.items())


def _mean_curve(curves: Sequence[Sequence[tuple[int, float]]]) -> list[tuple[float, float]]:
    length = min(map(len, curves))
    return [
        (statistics.fmean(curve[point][0] for curve in curves), statistics.fmean(curve[point][1] for curve in curves))
        for point in range(length)
    ]
