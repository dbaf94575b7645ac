"""How fast and how exact the data engine is; writes its part of results.md.

python benchmarks/data_engine.py --megabytes 1000 --rows 10000000
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import openai

from onoma.annotation.journal import Journal
from onoma.annotation.live import ask_all
from onoma.annotation.questions import Limits, Question
from onoma.corpus.dedupe import near_duplicates, normalised
from onoma.extractors import apis
from onoma.extractors.answers import Answer, request_key

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from openai_server import OpenAIServer, serve  # noqa: E402
from results import table, write_section  # noqa: E402

_LETTERS = ("abcdefghijklmnopqrstuvwxyz", "অআইউএকখগঘচজটডতদনপফবভমযৰলৱশসহািুেো", "अआइउएकखगघचजटडतदनपफबभमयरलवशसहािुेो")


def main() -> None:
    """Run all parts and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rows", type=int, default=1_000_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rows = [
            *harvest(Path(scratch), wanted.megabytes),
            *journal(Path(scratch), wanted.rows),
            *live(Path(scratch)),
            *duplicates(),
        ]
    write_section(
        "The data engine",
        f"python benchmarks/data_engine.py --megabytes {wanted.megabytes} --rows {wanted.rows}",
        table(("what", "figure"), rows),
    )


def harvest(folder: Path, megabytes: int) -> Iterator[tuple[str, str]]:
    """Made-up text in three scripts, a tenth of it repeated, through the command itself."""
    draw = random.Random(1)
    vocabularies = [
        ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(20_000)] for letters in _LETTERS
    ]
    text = folder / "text.txt"
    size, kept = 0, list[str]()
    with text.open("w", encoding="utf-8") as handle:
        while size < megabytes * 1_000_000:
            if kept and draw.random() < 0.1:
                document = draw.choice(kept)
            else:
                document = " ".join(draw.choices(draw.choice(vocabularies), k=draw.randint(40, 250)))
                if len(kept) < 10_000:
                    kept.append(document)
            handle.write(document + "\n\n")
            size += len(document.encode()) + 2
    (folder / "sources.yaml").write_text(f"sources: {{text: {{files: {text}, unit: paragraph}}}}\n")
    begun = time.perf_counter()
    command = [sys.executable, "-m", "onoma", "harvest", folder / "sources.yaml", folder / "raw"]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    text.unlink()
    yield f"harvest of {megabytes} MB, cleaned, told by language, freed of repeats", f"{size / seconds / 1e6:.1f} MB/s"
    yield "largest memory of one of its processes", f"{peak:.2f} GB"


def journal(folder: Path, rows: int) -> Iterator[tuple[str, str]]:
    """Answers recorded one by one, and again into a journal of many rows."""

    def record(opened: Journal, first: int, count: int) -> float:
        begun = time.perf_counter()
        for number in range(first, first + count):
            opened.record(request_key({"number": number}), "document", Answer('[["Rome", "LOC"]]', 100, 10, 0.001))
        return count / (time.perf_counter() - begun)

    with Journal(folder / "journal.sqlite") as opened:
        yield "answers recorded a second, each committed", f"{record(opened, 0, 20_000):,.0f}"
        database = opened._database
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO request (key, item, state, answer, updated) VALUES (?, 'document', 'answered', '[]', 0)",
            ((random.randbytes(32),) for _ in range(rows)),
        )
        database.execute("COMMIT")
        yield f"the same with {rows:,} rows in the journal", f"{record(opened, 20_000, 5_000):,.0f}"
        keys = [request_key({"number": number}) for number in range(20_000)]
        begun = time.perf_counter()
        for key in keys:
            opened.answer(key)
        yield "answers looked up a second there", f"{len(keys) / (time.perf_counter() - begun):,.0f}"


def live(folder: Path) -> Iterator[tuple[str, str]]:
    """A server that takes 50 requests a second, and tells nobody."""
    with serve(OpenAIServer(rate=50)) as server, Journal(folder / "live.sqlite") as opened:

        def questions() -> Iterator[Question]:
            for number in range(1500):
                body = {"model": "m", "messages": [{"role": "user", "content": f"text{number} here"}]}
                yield Question(request_key(body), str(number), body)

        async def work() -> tuple[float, int]:
            async with openai.AsyncOpenAI(base_url=server.url, api_key="k", max_retries=0) as client:
                begun = time.perf_counter()
                progress = await ask_all(
                    questions(),
                    lambda body: apis.ask_async(client, "chat", body),
                    lambda reply: Answer(*apis.read_reply("chat", reply)),
                    opened,
                    Limits(concurrency=32),
                )
                return progress.answered / (time.perf_counter() - begun), progress.refused

        rate, refused = asyncio.run(work())
    yield "answers a second from a server that takes 50, start included", f"{rate:.1f}"
    yield "refusals among 1,500 requests", str(refused)


def duplicates() -> Iterator[tuple[str, str]]:
    """Texts with letters changed here and there; pairs are near by their true Jaccard index."""
    draw = random.Random(2)
    words = ["".join(draw.choices(_LETTERS[0], k=draw.randint(2, 9))) for _ in range(5_000)]
    texts, pairs = list[str](), list[tuple[int, int]]()
    for _ in range(5_000):
        text = " ".join(draw.choices(words, k=draw.randint(8, 120)))
        other = list(text)
        for _ in range(draw.randint(1, 16)):
            other[draw.randrange(len(other))] = draw.choice(_LETTERS[0])
        pairs.append((len(texts), len(texts) + 1))
        texts += [text, "".join(other)]

    def shingles(text: str) -> set[str]:
        plain = f" {normalised(text)} "
        return {plain[start : start + 4] for start in range(len(plain) - 3)}

    def jaccard(left: int, right: int) -> float:
        one, two = shingles(texts[left]), shingles(texts[right])
        return len(one & two) / len(one | two)

    near = {pair for pair in pairs if jaccard(*pair) >= 0.8}
    found = {tuple(group) for group in near_duplicates(texts)}
    yield f"near-duplicates found, of {len(near):,} planted at 0.8 and above", f"{len(found & near) / len(near):.2%}"
    yield "groups that are none", f"{len(found - near) / len(found):.2%}"


if __name__ == "__main__":
    main()
