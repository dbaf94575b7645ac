"""How fast, how large and how near to the machine's limit extractors are, measured side by side in one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from onoma.deployment.limits import gemm_peak, work_per_piece
from onoma.document import Document
from onoma.errors import DataError, ModelError
from onoma.extractors.base import Extractor
from onoma.extractors.load import load
from onoma.extractors.tagger import TaggerExtractor
from onoma.files import folder_size, read_json
from onoma.models.exports import KIND, ExportCard, Precision, kind_of
from onoma.models.onnx_logits import OnnxLogits

_LATENCY_TEXTS = 100
# The documents are read without the corpus reader, whose libraries would count as the extractor's memory; and on Linux
# getrusage counts what the parent had before the child became a program of its own, hence /proc.
_CHILD = """
import json, resource, sys, time
import onoma
extractor = onoma.load(sys.argv[1])
extractor.extract(sys.argv[2])
print(time.time(), flush=True)
documents = (onoma.Document.from_dict(json.loads(line)) for line in open(sys.argv[3], encoding="utf-8"))
for document in extractor.extract(documents):
    pass
try:
    lines = open("/proc/self/status").read().splitlines()
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM")) + "000")
except OSError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@dataclass(frozen=True)
class Speed:
    """Throughput of one system: medians over rounds, with the lowest and highest of them.

    Args:
        sentences, words: a second.
        seconds: of each round.
        p50, p95, p99: seconds for one text alone, over texts and rounds.
    """

    sentences: float
    words: float
    seconds: tuple[float, ...]
    p50: float
    p95: float
    p99: float

    @property
    def spread(self) -> tuple[float, float]:
        """Lowest and highest sentences a second of any round."""
        most, least = min(self.seconds), max(self.seconds)
        return self.sentences * median(self.seconds) / least, self.sentences * median(self.seconds) / most


@dataclass(frozen=True)
class Benched:
    """All figures of one extractor.

    Args:
        name: as it was asked for.
        speed: throughput and latency.
        size: bytes of its own files; for an adapter that is the adapter, without the base.
        cold_start: seconds from the start of a process to the first answer, the median of three.
        memory: bytes of a process that loads it and extracts everything, at most.
        share: of the machine's limit for matrix products in its precision; None where that means nothing.
    """

    name: str
    speed: Speed
    size: int
    cold_start: float
    memory: int
    share: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self) | {"spread": self.speed.spread}


def read_benched(path: Path) -> list[Benched]:
    """What `onoma bench --json` printed.

    Args:
        path: a file of it.

    Raises:
        OnomaError: if it is missing or is not JSON.
        DataError: if it holds something else.

    Examples:
        >>> read_benched(Path("runs/bench.json"))[0].speed.p50  # doctest: +SKIP
        0.0128
    """
    found = read_json(path)
    try:
        return [
            Benched(
                str(one["name"]),
                Speed(
                    **{key: float(one["speed"][key]) for key in ("sentences", "words", "p50", "p95", "p99")},
                    seconds=tuple(map(float, one["speed"]["seconds"])),
                ),
                int(one["size"]),
                float(one["cold_start"]),
                int(one["memory"]),
                None if one["share"] is None else float(one["share"]),
            )
            for one in found["extractors"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            "not what `onoma bench` wrote", where=str(path), mend="Write it with onoma bench ... --json."
        ) from error


def time_systems(
    systems: Mapping[str, Callable[[Sequence[Document]], Any]],
    documents: Sequence[Document],
    *,
    rounds: int = 5,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Speed]:
    """Time systems on the same documents, in turns, so that whatever else the machine does hits all alike.

    Args:
        systems: by name; each takes documents, all at once or a list of one.
        documents: the work.
        rounds: that count; one more warms up.
        say: is told each round.

    Raises:
        DataError: if there are no documents.
    """
    if not documents:
        raise DataError("no documents to measure with")
    words = sum(len(document.words()) for document in documents)
    singles = [[document] for document in documents[:_LATENCY_TEXTS]]
    batch: dict[str, list[float]] = {name: [] for name in systems}
    single: dict[str, list[float]] = {name: [] for name in systems}
    for number in range(rounds + 1):
        say(f"round {number} of {rounds}" if number else "warming up")
        for name, run in systems.items():
            seconds = _timed(run, documents)
            alone = [_timed(run, one) for one in singles]
            if number:
                batch[name].append(seconds)
                single[name] += alone
    return {
        name: Speed(
            len(documents) / median(batch[name]),
            words / median(batch[name]),
            tuple(batch[name]),
            *(float(np.percentile(single[name], percent)) for percent in (50, 95, 99)),
        )
        for name in systems
    }


def bench(
    names: Sequence[str],
    documents: Sequence[Document],
    *,
    scratch: Path,
    rounds: int = 5,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[list[Benched], dict[str, float]]:
    """Measure extractors side by side.

    Args:
        names: anything that :func:`onoma.load` takes.
        documents: the work; their spans do not matter.
        scratch: a folder for the documents, as the processes that measure memory read them.
        rounds: that count.
        say: is told each step.

    Returns:
        Figures by extractor, and the machine's limits for matrix products that they were set against, in
        multiplications and additions a second, by precision.

    Raises:
        DataError: if there are no documents.
        ModelError: if an extractor cannot be loaded.

    Examples:
        >>> bench(["runs/it", "it-int8"], documents, scratch=Path("/tmp"))  # doctest: +SKIP
    """
    extractors = {name: load(name) for name in names}
    speeds = time_systems({name: one.extract for name, one in extractors.items()}, documents, rounds=rounds, say=say)
    corpus = scratch / "documents.jsonl"
    corpus.write_text("".join(json.dumps(document.to_dict()) + "\n" for document in documents), encoding="utf-8")
    limits: dict[str, float] = {}
    results = []
    for name, extractor in extractors.items():
        say(f"{name}: cold starts")
        cold, memory = _in_processes(name, documents[0].text, corpus)
        share = _share(name, extractor, documents, speeds[name], limits)
        path = Path(name)
        size = folder_size(path) if path.is_dir() else path.stat().st_size if path.exists() else 0
        results.append(Benched(name, speeds[name], size, cold, memory, share))
    return results, limits


def _share(
    name: str, extractor: Extractor, documents: Sequence[Document], speed: Speed, limits: dict[str, float]
) -> float | None:
    """What a tagger does a second as a share of what the machine could; padding is not counted as work."""
    if not isinstance(extractor, TaggerExtractor):
        return None
    precision: Precision = ExportCard.read(Path(name)).precision if kind_of(Path(name)) == KIND else "fp32"
    threads = extractor.logits.threads if isinstance(extractor.logits, OnnxLogits) else 0
    key = f"{precision}, {threads or (os.cpu_count() or 1)} threads"
    if key not in limits:
        limits[key] = gemm_peak(precision, threads)
    pieces = sum(len(window.ids) for document in documents for window in extractor.read(document).windows)
    return pieces * work_per_piece(extractor) / median(speed.seconds) / limits[key]


def _in_processes(name: str, text: str, corpus: Path) -> tuple[float, int]:
    """Seconds to the first answer of a fresh process, median of three, and the most memory that one took."""
    seconds, memory = [], 0
    for _ in range(3):
        begun = time.time()
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, name, text, str(corpus)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ModelError(f"a process that loads it fails: {done.stderr.strip().splitlines()[-1]}", where=name)
        first, peak = done.stdout.split()[-2:]
        seconds.append(float(first) - begun)
        memory = max(memory, int(peak))
    return median(seconds), memory


def _timed(run: Callable[[Sequence[Document]], Any], documents: Sequence[Document]) -> float:
    begun = time.perf_counter()
    run(documents)
    return time.perf_counter() - begun
