"""Memory: a stream of gigabytes, and adapters loaded, used and unloaded thousands of times.

Writes its part of results.md:

python benchmarks/memory.py runs/assamese it-int8 --gigabytes 5 --calls 50000
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from results import table, write_section

from onoma.document import Document
from onoma.extractors.load import load
from onoma.serving.engines import Engines

TEXT = "The river that Ann crossed in Rome runs under Java 8 and an old bridge of stone, number "
LOADS = 50
"""Calls after which an adapter is loaded again."""


def main() -> None:
    """Measure both, and write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path, help="a run with an adapter")
    parser.add_argument("export", type=Path, help="an ONNX export")
    parser.add_argument("--gigabytes", type=float, default=5)
    parser.add_argument("--calls", type=int, default=50_000)
    wanted = parser.parse_args()
    rows = [
        *stream(wanted.gigabytes),
        *calls("adapters in a bank", wanted.calls, adapters(wanted.run)),
        *calls("an ONNX session", wanted.calls, session(wanted.export)),
    ]
    write_section(
        "Memory",
        f"python benchmarks/memory.py RUN EXPORT --gigabytes {wanted.gigabytes:g} --calls {wanted.calls}",
        table(("what", "figure"), rows),
    )


def resident(process: int) -> float:
    """Megabytes that a process has in memory."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def stream(gigabytes: float) -> Iterator[tuple[str, str]]:
    """`onoma extract` of one large file, by rules, so that reading and writing are what takes the time."""
    with tempfile.TemporaryDirectory() as scratch:
        rules, texts = Path(scratch) / "rules.yaml", Path(scratch) / "texts.txt"
        rules.write_text("gazetteers: {PER: [Ann], LOC: [Rome]}\n")
        block = "".join(f"{TEXT}{number}\n" for number in range(10_000)).encode()
        with texts.open("wb") as handle:
            for _ in range(max(1, round(gigabytes * 1e9 / len(block)))):
                handle.write(block)
        command = [sys.executable, "-m", "onoma", "extract", str(rules), str(texts), "--output", "jsonl"]
        begun = time.perf_counter()
        sizes = []
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while running.poll() is None:
            time.sleep(0.5)
            if running.poll() is None:
                sizes.append(resident(running.pid))
        seconds = time.perf_counter() - begun
        assert running.returncode == 0
        size = texts.stat().st_size
    tenth = max(1, len(sizes) // 10)
    yield f"extract of a stream of {size / 1e9:.1f} GB", f"{size / 1e6 / seconds:.1f} MB/s"
    yield "its memory after a tenth, and at most after that", f"{sizes[tenth]:.0f} MB, {max(sizes[tenth:]):.0f} MB"


def calls(name: str, count: int, work: Iterator[None]) -> Iterator[tuple[str, str]]:
    """Memory after a tenth of the calls, and after all."""
    begun = time.perf_counter()
    for number in range(1, count + 1):
        next(work)
        if number == max(1, count // 10):
            early = resident(os.getpid())
    rate = count / (time.perf_counter() - begun)
    yield (
        f"{name}: {count:,} calls, {rate:.0f} a second; memory after a tenth and at the end",
        (f"{early:.0f} MB, {resident(os.getpid()):.0f} MB"),
    )


def adapters(run: Path) -> Iterator[None]:
    """Extract with one of four adapters; every so often one is unloaded and loaded again."""
    engines = Engines()
    names = [f"a{number}" for number in range(4)]
    for name in names:
        engines.add(name, run)
    number = 0
    while True:
        name = names[number % 4]
        if number % LOADS == 0:
            engines.remove(name)
            engines.add(name, run)
        engines.extract([Document(f"{TEXT}{number}")], [name])
        number += 1
        yield


def session(export: Path) -> Iterator[None]:
    """Extract with a session; every so often it is made anew."""
    number = 0
    while True:
        if number % (LOADS * 10) == 0:
            extractor = load(export)
        extractor.extract(f"{TEXT}{number}")
        number += 1
        yield


if __name__ == "__main__":
    main()
