"""The service under load: throughput against the extractor in process, latency at 80 % of capacity, overload.

Writes its part of results.md:

python benchmarks/service.py runs/assamese ../shared/data/wikiann_hi
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
from results import table, write_section

from onoma.corpus import load_corpus
from onoma.extractors.bank import BankExtractor
from onoma.models.bases import resolve_base
from onoma.models.runs import RunCard

ADAPTERS = 4
TEXTS = 8
CALLERS = 64
ROUNDS = 3
DEADLINE = 5.0


def main() -> None:
    """Measure in process and over HTTP in turns, and write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("corpus")
    parser.add_argument("--seconds", type=float, default=15)
    wanted = parser.parse_args()
    texts = [document.text for document in load_corpus(wanted.corpus)["test"]]
    rows = asyncio.run(measure(wanted.run, texts, wanted.seconds))
    write_section(
        f"Service, {Path(wanted.corpus).name}",
        f"python benchmarks/service.py RUN {Path(wanted.corpus).name}",
        [
            f"{ADAPTERS} adapters, requests of {TEXTS} texts for one of them by chance, client and service on the same "
            f"cores; a deadline of {DEADLINE:.0f} s. Medians of {ROUNDS} rounds in turns.",
            "",
            *table(("what", "figure"), rows),
        ],
    )


def in_process(run: Path, texts: Sequence[str]) -> Callable[[], float]:
    """Measures texts a second of the bank itself."""
    card = RunCard.read(run)
    bank = BankExtractor(resolve_base(card.base, revision=card.base_revision))
    names = [f"a{number}" for number in range(ADAPTERS)]
    for name in names:
        bank.add(name, run)
    chosen = [names[number] for number in np.random.default_rng(1).integers(0, ADAPTERS, len(texts))]

    def measured() -> float:
        begun = time.perf_counter()
        bank.extract(texts, chosen)
        return len(texts) / (time.perf_counter() - begun)

    measured()
    return measured


@asynccontextmanager
async def service(run: Path) -> AsyncIterator[tuple[str, int]]:
    """A service in a process of its own; gives its address and process id."""
    named = [f"a{number}={run}" for number in range(ADAPTERS)]
    command = [sys.executable, "-m", "onoma", "serve", *named, "--port", "0", "--deadline", str(DEADLINE)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert running.stderr is not None
        for line in running.stderr:
            if found := re.search(r"http://[\d.]+:\d+", line):
                break
        drain = asyncio.create_task(asyncio.to_thread(running.stderr.read))
        async with httpx.AsyncClient() as client:
            while True:
                try:
                    await client.get(f"{found.group()}/ready")  # type: ignore[union-attr]
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.1)
        yield found.group(), running.pid  # type: ignore[union-attr]
    finally:
        running.terminate()
        running.wait(30)
        await drain


async def measure(run: Path, texts: Sequence[str], seconds: float) -> list[tuple[str, str]]:
    """The rows of the table."""
    inside = in_process(run, texts)
    draw = np.random.default_rng(2)

    def body() -> dict[str, object]:
        first = int(draw.integers(0, len(texts) - TEXTS))
        return {"texts": list(texts[first : first + TEXTS]), "adapter": f"a{draw.integers(0, ADAPTERS)}"}

    async with service(run) as (url, process):
        limits = httpx.Limits(max_connections=2000)
        async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as client:

            async def ask(codes: Counter[int], times: dict[int, list[float]]) -> None:
                begun = time.perf_counter()
                answer = await client.post("/v1/extract", json=body())
                codes[answer.status_code] += 1
                times.setdefault(answer.status_code, []).append(time.perf_counter() - begun)

            async def closed(clients: int, until: float) -> Counter[int]:
                codes: Counter[int] = Counter()

                async def one() -> None:
                    while time.perf_counter() < until:
                        await ask(codes, {})

                await asyncio.gather(*(one() for _ in range(clients)))
                return codes

            async def paced(rate: float) -> tuple[Counter[int], dict[int, list[float]]]:
                codes: Counter[int] = Counter()
                times: dict[int, list[float]] = {}
                tasks = []
                begun = time.perf_counter()
                for number in range(int(rate * seconds)):
                    await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
                    tasks.append(asyncio.create_task(ask(codes, times)))
                await asyncio.gather(*tasks)
                return codes, times

            await closed(CALLERS, time.perf_counter() + 2)
            alone, rates = [], []
            for _ in range(ROUNDS):
                alone.append(inside())
                begun = time.perf_counter()
                served = await closed(CALLERS, begun + seconds)
                rates.append(served[200] / (time.perf_counter() - begun))
            rate = statistics.median(rates)
            _, calm = await paced(0.8 * rate)
            before = memory(process)
            storm, times = await paced(3 * rate)
            begun = time.perf_counter()
            recovered: Counter[int] = Counter()
            await ask(recovered, {})
            after = time.perf_counter() - begun
            grown = memory(process) - before
    assert recovered[200] == 1
    quick = f"{1000 * float(np.percentile(times[429], 99)):.0f} ms" if 429 in times else "–"
    return [
        ("texts/s in process, batches of all texts", f"{statistics.median(alone):.0f}"),
        (f"texts/s over HTTP, {CALLERS} callers", f"{rate * TEXTS:.0f}"),
        ("ratio", f"{rate * TEXTS / statistics.median(alone):.2f}"),
        ("at 80 % of that: p50", f"{1000 * float(np.percentile(calm[200], 50)):.0f} ms"),
        ("at 80 % of that: p99", f"{1000 * float(np.percentile(calm[200], 99)):.0f} ms"),
        ("at 80 %: answers other than 200", f"{sum(len(found) for code, found in calm.items() if code != 200)}"),
        ("at 300 %: answers by status", ", ".join(f"{code}: {count}" for code, count in sorted(storm.items()))),
        ("at 300 %: p99 of a refusal", quick),
        ("memory before the overload, and what it added", f"{before:.0f} MB, {grown:.0f} MB"),
        ("first answer after it", f"{1000 * after:.0f} ms"),
    ]


def memory(process: int) -> float:
    """Megabytes that a process has in memory."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


if __name__ == "__main__":
    main()
