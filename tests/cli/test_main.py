import os
import sqlite3
import subprocess
import sys
import time

import pytest
from conftest import assert_golden

import onoma


@pytest.mark.parametrize(
    "command",
    [
        "",
        "train",
        "evaluate",
        "errors",
        "label",
        "journal",
        "bench",
        "serve",
        "keys",
        "ui",
        "batches",
        "assemble",
        "inventory",
        "thresholds",
        "export",
        "extract",
        "harvest",
        "check",
        "convert",
        "bases",
        "doctor",
        "quickstart",
        "push",
        "study",
        "compare",
    ],
)
def test_help(onoma_cli, command):
    done = onoma_cli(*filter(None, [command]), "--help")
    assert done.code == 0
    assert_golden(f"help-{command or 'onoma'}.txt", done.out)


def test_version(onoma_cli):
    assert onoma_cli("--version").out == f"onoma {onoma.__version__}\n"


def test_wrong_usage_says_what_there_is(onoma_cli):
    assert onoma_cli("trian").code == 2
    assert onoma_cli("extract").code == 2
    done = onoma_cli("check", "examples:as", "--on-error", "maybe")
    assert done.code == 2
    assert "stop" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["check", "gone.conll"], 3, "Error: gone.conll: no such file or folder. A corpus is a path"),
        (["check", "examples:as", "--option", "x"], 3, "Error: not an option: 'x'. Write --option key=value."),
        (["train", "gone.yaml"], 4, "Error: gone.yaml: no such recipe"),
        (["extract", "./gone", "text"], 5, "Error: ./gone: no such run"),
        (["evaluate", "./gone", "examples:as", "--split", "tset"], 3, "no split 'tset'. Did you mean 'test'"),
        (["check", "examples:as", "--base", "bundled:e5"], 5, "Error: unknown base 'bundled:e5'. Known: "),
        (["convert", "examples:as", "out.jsonl"], 3, "Error: out.jsonl: 3 splits do not go into one file"),
    ],
)
def test_errors_are_one_message_with_a_code(onoma_cli, arguments, code, message):
    done = onoma_cli(*arguments)
    assert done.code == code
    assert message in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_debugging_shows_where(onoma_cli, monkeypatch):
    monkeypatch.setenv("ONOMA_DEBUG", "1")
    with pytest.raises(onoma.errors.RecipeError):
        onoma_cli("train", "gone.yaml")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted. What was finished is kept; the same command goes on from there."),
        (OSError(28, "No space left on device", "runs/x"), 1, "runs/x: No space left on device. Mend that and run"),
        (
            ModuleNotFoundError("no", name="spacy"),
            1,
            """this needs the package 'spacy'. Run: pip install "onoma[spacy]\"""",
        ),
        (
            ModuleNotFoundError("no", name="peft"),
            1,
            """this needs the package 'peft'. Run: pip install "onoma[train]\"""",
        ),
        (RuntimeError("writing: No space left on device (os error 28)"), 1, "the disk is full (writing: No space left"),
        (RuntimeError("[enforce fail at inline_container.cc:672] ."), 1, "the disk is full ([enforce fail at"),
        (sqlite3.OperationalError("database or disk is full"), 1, "the disk is full (database or disk is full). Make"),
        (sqlite3.DatabaseError("disk image is malformed"), 1, "the journal is damaged (disk image is malformed)."),
        (ZeroDivisionError("oh"), 70, "this is a bug in Onoma (ZeroDivisionError: oh). Set ONOMA_DEBUG=1"),
    ],
)
def test_whatever_happens_nobody_sees_a_traceback(onoma_cli, monkeypatch, error, code, message):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr("onoma.models.bases.list_bases", fails)
    done = onoma_cli("bases")
    assert done.code == code
    assert message in done.err
    monkeypatch.setenv("ONOMA_DEBUG", "1")
    if not isinstance(error, KeyboardInterrupt):
        with pytest.raises(type(error)):
            onoma_cli("bases")


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m onoma check examples:as --json | head -c 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60)
    assert "Error" not in done.stderr
    assert "Traceback" not in done.stderr


def seconds(*command):
    """The fastest of several, since a busy machine only ever adds."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], capture_output=True, check=True, env=os.environ)
        times.append(time.perf_counter() - start)
    return min(times)


def test_starting_is_quick():
    nothing = seconds("-c", "")
    assert seconds("-c", "import onoma") - nothing < 0.3
    assert seconds("-m", "onoma", "--help") < 0.7


def test_heavy_libraries_wait_until_they_are_used():
    heavy = ("torch", "transformers", "datasets", "pyarrow", "pydantic", "numpy")
    code = f"import sys, onoma, onoma.cli.main; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
