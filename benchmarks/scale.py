"""One worker against two, one thread each, on this machine and on Ray; the result must be the same files.

Writes its part of results.md:

python benchmarks/scale.py it-int8 ../shared/data/stackoverflow
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from results import table, write_section

from onoma.corpus import load_corpus
from onoma.scale.extract import extract_corpus
from onoma.scale.workers import Engine, open_workers

KINDS: tuple[tuple[Engine, int], ...] = (("ray", 1), ("ray", 2), ("local", 2))


def main() -> None:
    """Extract with each kind of workers, compare the files, and write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("corpus")
    parser.add_argument("--sentences", type=int, default=200_000)
    wanted = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_texts(wanted.corpus, wanted.sentences, folder / "raw.txt")
        found = [measure(wanted.run, folder, engine, count) for engine, count in KINDS]
    alone = found[0][0]
    rows = [
        (engine, str(count), f"{seconds:.1f}", f"{wanted.sentences / seconds:,.0f}", f"{alone / seconds:.2f}")
        for (engine, count), (seconds, _) in zip(KINDS, found, strict=True)
    ]
    same = all(manifest == found[0][1] for _, manifest in found)
    write_section(
        "Scale",
        f"python benchmarks/scale.py RUN {Path(wanted.corpus).name} --sentences {wanted.sentences}",
        [
            f"{wanted.sentences:,} sentences of {Path(wanted.corpus).name} into {len(found[0][1]['files'])} Parquet "
            "files, workers of one thread; loading the model in each worker counts, starting the cluster does not. The "
            f"files have {'the same checksums' if same else 'DIFFERENT checksums'}.",
            "",
            *table(("engine", "workers", "seconds", "sentences/s", "× one worker"), rows),
        ],
    )


def write_texts(corpus: str, count: int, path: Path) -> None:
    """Write sentences, a line each, as often as it takes; each differs by a number from the others."""
    texts = [" ".join(document.text.split()) for split in load_corpus(corpus).values() for document in split]
    with path.open("w", encoding="utf-8") as handle:
        for number in range(count):
            handle.write(f"{texts[number % len(texts)]} {number}\n")


def measure(run: str, folder: Path, engine: Engine, count: int) -> tuple[float, dict[str, Any]]:
    """Seconds that an extraction took, and its manifest."""
    with open_workers(engine, count) as workers:
        list(workers.map(ready, range(count)))  # processes are there before the clock runs
        begun = time.perf_counter()
        manifest = extract_corpus(run, [folder / "raw.txt"], folder / f"{engine}-{count}", workers)
        return time.perf_counter() - begun, manifest


def ready() -> Any:
    """A function that does nothing."""
    return abs


if __name__ == "__main__":
    main()
