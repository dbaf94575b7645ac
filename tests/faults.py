"""Faults on purpose: kills, full and read-only disks, damaged files, clock jumps, two at once. `make faults` runs it.

Each operation runs once undisturbed; then it is disturbed, and done again. After the fault its result must be absent or
whole, and after the next try the same as undisturbed; what a person reads is a message, never a traceback. The table of
what was done is written to docs/faults.md.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).parents[1] / "docs" / "faults.md"
BUG = 70
SENTENCES = 400
Result = Callable[[Path], Any]


@dataclass(frozen=True)
class Operation:
    """Something that leaves a result.

    Args:
        name: of it.
        arguments: of the command; none for what is no command.
        target: what it makes, under the working folder.
        result: reads what was made; None where it is absent.
        work: done instead of a command.
        on_disk: whether a full or read-only disk is tried.
    """

    name: str
    arguments: tuple[str, ...]
    target: str
    result: Result
    work: Callable[[], None] | None = None
    on_disk: bool = True


@dataclass
class Log:
    """What was injected and what came of it."""

    rows: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, fault: str, name: str, outcome: str) -> None:
        """Count a fault that was survived."""
        self.rows[fault, name, outcome] += 1

    def fail(self, fault: str, name: str, what: str) -> None:
        """Note one that was not."""
        self.failures.append(f"{fault}, {name}: {what}")
        print(f"NOT SURVIVED {fault}, {name}: {what}", flush=True)


def main() -> None:
    """Inject all faults, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=14, help="of each operation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="operations whose name has this")
    wanted = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "ONOMA_DEBUG": "0", "COLUMNS": "160"}
    sys.path.insert(0, str(Path(__file__).parent))
    draw = random.Random(wanted.seed)
    log = Log()
    with tempfile.TemporaryDirectory() as scratch, labeller() as url:
        begin = Path(scratch) / "begin"
        in_child(prepare, begin, url)
        warm_up()
        for operation in OPERATIONS:
            if wanted.only not in operation.name:
                continue
            expected, seconds = undisturbed(operation, begin, Path(scratch))
            print(f"{operation.name}: {seconds:.1f} s undisturbed", flush=True)
            for _ in range(wanted.kills):
                kill(operation, begin, Path(scratch), expected, draw.uniform(0.02, 1.0) * seconds, log)
            jump(operation, begin, Path(scratch), expected, log)
            two_at_once(operation, begin, Path(scratch), expected, log)
            if operation.on_disk:
                full_disk(operation, begin, Path(scratch), expected, log)
        damage(begin, Path(scratch), draw, log, wanted.only)
    write_table(log)
    print(f"{sum(log.rows.values())} faults survived, {len(log.failures)} not")
    sys.exit(bool(log.failures))


# The operations.


def digest(*paths: Path) -> str:
    """A hash of files."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def steady(value: Any) -> Any:
    """A table without what differs from one time to the next: seconds and paths."""
    if isinstance(value, dict):
        return {key: steady(inner) for key, inner in value.items() if "seconds" not in key and key != "environment"}
    return [steady(inner) for inner in value] if isinstance(value, list) else value


def run_result(folder: Path) -> Any:
    """A trained run."""
    run = folder / "runs" / "tiny"
    if not run.exists():
        return None
    return [steady(json.loads((run / "metrics.json").read_text())), digest(run / "adapter_model.safetensors")]


def study_result(folder: Path) -> Any:
    """A study's runs and its comparison."""
    report = folder / "runs" / "small" / "comparison.json"
    weights = sorted((folder / "runs" / "small").glob("*-seed1/adapter_model.safetensors"))
    return None if not report.exists() else [len(weights), digest(*weights)]


def lines_result(name: str) -> Result:
    """A file that is the same to the byte."""
    return lambda folder: digest(folder / name) if (folder / name).exists() else None


def manifest_result(name: str) -> Result:
    """A folder that is whole when its manifest is there."""

    def read(folder: Path) -> Any:
        if not (folder / name / "manifest.json").exists():
            return None
        files = sorted((folder / name).rglob("*.parquet"))
        return [steady(json.loads((folder / name / "manifest.json").read_text())), digest(*files)]

    return read


def export_result(folder: Path) -> Any:
    """What an export finds."""
    if not (folder / "exported").exists():
        return None
    import onoma

    found = onoma.load(folder / "exported").extract((folder / "raw.txt").read_text().splitlines()[:20])
    return [[(span.start, span.end, span.label) for span in document.spans] for document in found]


def review() -> None:
    """A person accepts everything; each verdict is told of once it is kept."""
    from onoma.annotation.review import Review
    from onoma.corpus import load_corpus

    reviewed = Review(list(load_corpus("labelled.jsonl")["train"]), Path("review.jsonl"))
    with Path("told").open("a") as told:
        while item := reviewed.next_item("mira", "random"):
            reviewed.decide(item, "mira", "accept", choice="random")
            told.write(f"{item}\n")
            told.flush()


def review_result(folder: Path) -> Any:
    """The verdicts; those that were told of must be among them."""
    from onoma.annotation.review import Review
    from onoma.corpus import load_corpus

    documents = list(load_corpus(folder / "labelled.jsonl")["train"])
    if not (folder / "review.jsonl").exists():
        return None
    kept = {verdict.item for verdict in Review(documents, folder / "review.jsonl").verdicts("mira")}
    told = set((folder / "told").read_text().split("\n")[:-1])
    assert told <= kept, f"{len(told - kept)} verdicts are lost"
    return sorted(kept) if len(kept) == len(documents) else None


OPERATIONS = (
    Operation("train", ("train", "recipe.yaml"), "runs", run_result),
    Operation("study", ("study", "study.yaml"), "runs", study_result, on_disk=False),
    Operation(
        "label",
        ("label", "raw.jsonl", "out.jsonl", "--with", "llm.yaml", "--journal", "journal.sqlite"),
        "out.jsonl",
        lines_result("out.jsonl"),
    ),
    Operation("extract", ("extract", "rules.yaml", "raw.txt", "--to", "found"), "found", manifest_result("found")),
    Operation(
        "export",
        ("export", "run", "exported", "--on", "examples:as", "--split", "test", "--most-loss", "1"),
        "exported",
        export_result,
    ),
    Operation("review", (), "review.jsonl", review_result, work=review, on_disk=False),
    Operation("harvest", ("harvest", "sources.yaml", "raw", "--workers", "1"), "raw", manifest_result("raw")),
    Operation("assemble", ("assemble", "assembly.yaml", "corpus"), "corpus", manifest_result("corpus")),
)


def prepare(folder: Path, url: str) -> None:
    """What the operations begin with."""
    from conftest import make_base, make_recipe

    from onoma.training.recipe import parse_recipe
    from onoma.training.stages import train

    folder.mkdir()
    base = make_base(folder.parent / "base")
    training = {"learning_rate": 1e-2, "batch_pieces": 256, "precision": "fp32", "epochs": 2}
    recipe = make_recipe(base, training=training)
    put = {
        "recipe.yaml": recipe,
        "study.yaml": {
            "name": "small",
            "recipe": "recipe.yaml",
            "seeds": [1],
            "corpus": "as",
            "reference": "one",
            "variants": {
                "one": {"about": "as it is", "set": {}},
                "other": {"about": "of higher rank", "set": {"adapter.rank": 8}},
            },
        },
        "rules.yaml": {"gazetteers": {"LOC": ["Rome"], "PER": ["Ann"]}},
        "llm.yaml": {"model": "m", "url": f"{url}/v1", "labels": {"X": "anything"}},
        "sources.yaml": {"sources": {"a": {"files": "raw.txt", "unit": "line"}}, "words": {"least": 2}},
        "assembly.yaml": {"parts": {"a": {"source": "labelled.jsonl"}}},
    }
    for name, content in put.items():
        (folder / name).write_text(yaml.safe_dump(content, allow_unicode=True))
    draw = random.Random(0)
    words = [
        "Ann",
        "Rome",
        "went",
        "to",
        "the",
        "river",
        "with",
        "stones",
        "under",
        "bridges",
        "while",
        "nobody",
        "looked",
    ]
    texts = [" ".join(draw.choices(words, k=30)) + f" {number}" for number in range(SENTENCES)]
    (folder / "raw.txt").write_text("".join(f"{text}\n" * 80 for text in texts))
    (folder / "raw.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    labelled = [{"text": text, "spans": [{"start": 0, "end": text.index(" "), "label": "X"}]} for text in texts]
    (folder / "labelled.jsonl").write_text("".join(json.dumps(row) + "\n" for row in labelled))
    train(parse_recipe({**recipe, "name": "run"}), runs=folder)


# How things are run.


def warm_up() -> None:
    """Import what the operations import, so that a child that is forked has it at once; nothing is computed here."""
    import datasets
    import onnx
    import onnxruntime
    import onnxscript
    import openai
    import peft
    import transformers

    import onoma.annotation.assemble
    import onoma.annotation.harvest.harvest
    import onoma.annotation.label
    import onoma.cli.main
    import onoma.deployment.export
    import onoma.training.study

    assert all((datasets, onnx, onnxruntime, onnxscript, openai, peft, transformers, onoma))


@contextlib.contextmanager
def labeller() -> Iterator[str]:
    """A server of language-model answers, in a process of its own."""
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from loopback import serve_app; "
        "from openai_server import OpenAIServer\n"
        "with serve_app(OpenAIServer(latency=0.01).app()) as url:\n    print(url, flush=True); time.sleep(1e6)"
    )
    server = subprocess.Popen([sys.executable, "-c", script, str(Path(__file__).parent)], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().decode().strip()
    finally:
        server.kill()


def start(folder: Path, operation: Operation, *, jumping: bool = False) -> int:
    """Fork a child that carries out an operation in a folder; gives its process id."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        said = os.open(folder.parent / f"{folder.name}.said", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(said, 1)
        os.dup2(said, 2)
        if jumping:
            make_clock_jump()
        if operation.work is not None:
            operation.work()
            code = 0
        else:
            from onoma.cli.main import run

            sys.argv = ["onoma", *operation.arguments]
            run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def finish(child: int) -> int:
    """Wait for a child; gives its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def in_child(function: Callable[..., Any], *arguments: Any) -> Any:
    """A function's value, computed in a child, so that this process starts no threads."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            made = {"value": function(*arguments)}
        except BaseException:
            made = {"error": traceback.format_exc()}
        with os.fdopen(writing, "w") as pipe:
            json.dump(made, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        content = pipe.read()
    finish(child)
    answer = json.loads(content) if content else {"error": "it died"}
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer["value"]


@contextlib.contextmanager
def fresh(begin: Path, scratch: Path, name: str = "work") -> Iterator[Path]:
    """A working folder with what the operations begin with."""
    folder = scratch / name
    shutil.copytree(begin, folder)
    (scratch / f"{name}.said").unlink(missing_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def said(folder: Path) -> str:
    """What an operation has written to the terminal."""
    path = folder.parent / f"{folder.name}.said"
    return path.read_text(errors="replace") if path.exists() else ""


def undisturbed(operation: Operation, begin: Path, scratch: Path) -> tuple[Any, float]:
    """An operation's result, and the seconds that it takes."""
    with fresh(begin, scratch) as folder:
        begun = time.monotonic()
        code = finish(start(folder, operation))
        seconds = time.monotonic() - begun
        assert code == 0, said(folder)
        expected = in_child(operation.result, folder)
        assert expected is not None
        return expected, seconds


def goes_on(operation: Operation, folder: Path, expected: Any) -> str:
    """Do it again; gives what is wrong, or nothing. What is whole already may be refused to be made again."""
    whole = in_child(operation.result, folder) == expected
    code = finish(start(folder, operation))
    if code and not (whole and code in (1, 3, 4)):
        return f"the next try ends with {code}: {said(folder)[-1500:]}"
    return "" if in_child(operation.result, folder) == expected else "the next try has another result"


def half_made(operation: Operation, folder: Path, expected: Any) -> str:
    """What is wrong with what a fault left; nothing, if the result is absent or whole."""
    try:
        found = in_child(operation.result, folder)
    except RuntimeError as error:
        return f"half a result is there: {str(error)[-500:]}"
    return "" if found in (None, expected) else "a result is there that is not whole"


# The faults.


def kill(operation: Operation, begin: Path, scratch: Path, expected: Any, after: float, log: Log) -> None:
    """kill -9 after some seconds."""
    with fresh(begin, scratch) as folder:
        child = start(folder, operation)
        time.sleep(after)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        killed = finish(child) == -signal.SIGKILL
        wrong = half_made(operation, folder, expected) or goes_on(operation, folder, expected)
        if wrong:
            log.fail("kill -9", operation.name, f"after {after:.2f} s: {wrong}")
        else:
            log.add("kill -9", operation.name, "killed, goes on" if killed else "was finished already")


def jump(operation: Operation, begin: Path, scratch: Path, expected: Any, log: Log) -> None:
    """The wall clock jumps to and fro by up to a day at each look."""
    with fresh(begin, scratch) as folder:
        code = finish(start(folder, operation, jumping=True))
        wrong = f"ends with {code}: {said(folder)[-1500:]}" if code else half_made(operation, folder, expected)
        if wrong:
            log.fail("clock jumps", operation.name, wrong)
        else:
            log.add("clock jumps", operation.name, "same result")


def make_clock_jump() -> None:
    """Have this process's wall clock jump."""
    now, now_ns, draw = time.time, time.time_ns, random.Random(3)
    time.time = lambda: now() + draw.uniform(-86_400, 86_400)
    time.time_ns = lambda: now_ns() + round(draw.uniform(-86_400, 86_400) * 1e9)


def two_at_once(operation: Operation, begin: Path, scratch: Path, expected: Any, log: Log) -> None:
    """The same operation in two processes that start together."""
    with fresh(begin, scratch) as folder:
        children = [start(folder, operation) for _ in range(2)]
        codes = sorted(finish(child) for child in children)
        wrong = half_made(operation, folder, expected)
        if codes[0] != 0 or codes[1] not in (0, 1, 3, 4):
            wrong = wrong or f"they end with {codes}: {said(folder)[-1500:]}"
        wrong = wrong or goes_on(operation, folder, expected)
        if wrong:
            log.fail("two at once", operation.name, wrong)
        else:
            log.add("two at once", operation.name, "one is told to wait" if codes[1] else "both end well")


def full_disk(operation: Operation, begin: Path, scratch: Path, expected: Any, log: Log) -> None:
    """A file system that is too small, and one that cannot be written to."""
    size = sum(path.stat().st_size for path in begin.rglob("*") if path.is_file())
    folder = scratch / "disk"
    folder.mkdir(exist_ok=True)
    for fault, room in [("disk full", part) for part in (4_096, 16_384, 65_536, 200_000)] + [("read-only", 0)]:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True).returncode:
            print(f"left out: {fault}, {operation.name}: no file system can be mounted here", flush=True)
            continue
        try:
            (scratch / "disk.said").unlink(missing_ok=True)
            shutil.copytree(begin, folder, dirs_exist_ok=True)
            used = shutil.disk_usage(folder).used
            change = f"remount,size={used + room}" if room else "remount,ro"
            subprocess.run(["mount", "-o", change, folder], check=True)
            code = finish(start(folder, operation))
            wrong = half_made(operation, folder, expected)
            if code not in (0, 1, 3, 4, 5) or "Traceback" in said(folder):
                wrong = wrong or f"ends with {code}: {said(folder)[-1500:]}"
            subprocess.run(["mount", "-o", "remount,rw,size=64m", folder], check=True)
            wrong = wrong or goes_on(operation, folder, expected)
            if wrong:
                log.fail(fault, operation.name, f"{room} bytes left of {size}: {wrong}")
            else:
                log.add(fault, operation.name, "message, goes on" if code else "had room enough")
        finally:
            subprocess.run(["umount", folder], check=True)


def damage(begin: Path, scratch: Path, draw: random.Random, log: Log, only: str) -> None:
    """Files cut short or with bytes changed, each read by the command that reads it."""
    with fresh(begin, scratch, "damaged") as folder:
        made = {
            "extract": Operation("", ("extract", "rules.yaml", "raw.txt", "--to", "found"), "", bool),
            "label": next(one for one in OPERATIONS if one.name == "label"),
            "export": next(one for one in OPERATIONS if one.name == "export"),
        }
        for operation in made.values():
            assert finish(start(folder, operation)) == 0, said(folder)
        parquet = min((folder / "found").glob("*.parquet"))
        shutil.copyfile(parquet, folder / "corpus.parquet")
        use = ("extract", "run", "Ann went to Rome")
        exported = ("extract", "exported", "Ann went to Rome")
        reading: dict[str, Sequence[str]] = {
            "run/adapter_model.safetensors": use,
            "run/adapter_config.json": use,
            "run/onoma.json": use,
            "run/tokenizer.json": use,
            "exported/model.onnx": exported,
            "exported/onoma.json": exported,
            "exported/tokenizer.json": exported,
            "corpus.parquet": ("check", "corpus.parquet"),
            "labelled.jsonl": ("check", "labelled.jsonl"),
            "journal.sqlite": ("journal", "journal.sqlite"),
            "recipe.yaml": ("train", "recipe.yaml", "--set", "base=nowhere"),
            "rules.yaml": ("extract", "rules.yaml", "Ann went to Rome"),
            "llm.yaml": ("label", "raw.jsonl", "new.jsonl", "--with", "llm.yaml", "--dry-run"),
        }
        for name, arguments in reading.items():
            path = folder / name
            if only not in f"damage {name}" or not path.exists():
                continue
            whole = path.read_bytes()
            for number in range(6):
                place = draw.randrange(len(whole))
                broken = bytearray(whole)
                if number % 2:
                    broken[place : place + 8] = bytes(255 - byte for byte in broken[place : place + 8])
                path.write_bytes(broken if number % 2 else whole[:place])
                (scratch / "damaged.said").unlink(missing_ok=True)
                code = finish(start(folder, Operation(name, tuple(arguments), "", bool)))
                fault = "bytes changed" if number % 2 else "cut short"
                if code not in (0, 1, 3, 4, 5) or "Traceback" in said(folder):
                    log.fail(fault, name, f"at {place}: ends with {code}: {said(folder)[-400:]}")
                else:
                    log.add(fault, name, "message" if code else "still readable")
            path.write_bytes(whole)


def write_table(log: Log) -> None:
    """Write docs/faults.md."""
    lines = [
        "# Faults",
        "",
        f"Written by `make faults` on {platform.system()}, Python {platform.python_version()}, {os.cpu_count()} cores: "
        f"{sum(log.rows.values())} faults survived, {len(log.failures)} not.",
        "",
        "A fault is survived if what it leaves is absent or whole, the next try has the result of an undisturbed one, "
        "and a person reads a message instead of a traceback.",
        "",
        "| fault | in | outcome | times |",
        "|---|---|---|---:|",
        *(f"| {fault} | {name} | {outcome} | {count} |" for (fault, name, outcome), count in sorted(log.rows.items())),
        *(["", "Not survived:", "", *(f"- {line.splitlines()[0]}" for line in log.failures)] if log.failures else []),
    ]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
