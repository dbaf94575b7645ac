"""Work on a real Ray cluster: the same files as here, whoever is killed in between."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from onoma.annotation.assemble import assemble, load_assembly
from onoma.annotation.harvest.harvest import harvest, load_harvest
from onoma.corpus import load_corpus
from onoma.document import Document
from onoma.errors import DataError
from onoma.scale.extract import extract_corpus, extract_stream
from onoma.scale.workers import LocalWorkers, open_workers

pytestmark = pytest.mark.integration
ray = pytest.importorskip("ray")

RULES = "gazetteers:\n  LOC: [Rome]\n  PER: [Ann]\n"
TEXTS = [f"Ann went to Rome {number} times, and then {number * 7919 % 1009} times more" for number in range(400)]


@pytest.fixture(scope="module")
def workers():
    with open_workers("ray", 2) as opened:
        yield opened


@pytest.fixture
def rules(write):
    return str(write("rules.yaml", RULES))


@pytest.fixture
def raw(write):
    return write("raw.txt", "\n".join(TEXTS))


def refuser():
    return refuse


def refuse(item):
    raise DataError("no such row", where=f"a.txt:{item}")


def killing(folder):
    return lambda item: kill_once(folder, item)


def kill_once(folder, item):
    """Ends the process that works on item 5, the first time."""
    if item == 5 and not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_extraction_has_the_bytes_of_the_local_one(workers, rules, raw, tmp_path):
    here = extract_corpus(rules, [raw], tmp_path / "here", LocalWorkers(1), size=2_000)
    assert extract_corpus(rules, [raw], tmp_path / "there", workers, size=2_000) == here
    assert len(here["files"]) > 8


def test_documents_that_this_process_holds(workers, rules):
    found = list(extract_stream(rules, map(Document, TEXTS), workers))
    assert found == list(extract_stream(rules, map(Document, TEXTS), LocalWorkers(1)))


def test_a_harvest_and_an_assembly_are_the_local_ones(workers, write, rules, raw, tmp_path):
    sources = load_harvest(
        write("sources.yaml", f"sources:\n  a: {{files: {raw}, unit: line, language: en}}\nwords: {{least: 3}}\n")
    )
    here = harvest(sources, tmp_path / "here")
    assert harvest(sources, tmp_path / "there", workers=workers) == here
    assert (tmp_path / "here/train.parquet").read_bytes() == (tmp_path / "there/train.parquet").read_bytes()
    extract_corpus(rules, [raw], tmp_path / "found", workers)
    parts = load_assembly(write("assembly.yaml", f"parts:\n  a: {{source: {tmp_path / 'found'}}}\nduplicates: 0.9\n"))
    assert assemble(parts, tmp_path / "one") == assemble(parts, tmp_path / "two", workers=workers)


def test_a_lost_worker_is_replaced_and_its_work_done_again(workers, tmp_path):
    assert list(workers.map(partial(killing, tmp_path), range(20))) == list(range(20))
    assert (tmp_path / "killed").exists()


def test_what_a_worker_raises_is_raised_here(workers):
    with pytest.raises(DataError, match=r"^a.txt:1: no such row$"):
        list(workers.map(refuser, [1, 2]))


def test_what_cannot_be_loaded_in_a_worker_is_said(workers, write, raw, tmp_path):
    bad = write("bad.yaml", "patterns: {PER: '('}\n")
    with pytest.raises(DataError, match="bad.yaml: the pattern of PER does not compile"):
        extract_corpus(str(bad), [raw], tmp_path / "out", workers)


def test_a_killed_driver_goes_on_where_it_was(rules, tmp_path):
    raw = tmp_path / "much.txt"
    texts = [" ".join(TEXTS[number:] + TEXTS[:number]) for number in range(400)]
    raw.write_text("\n".join(texts))
    command = [sys.executable, "-m", "onoma", "extract", rules, str(raw), "--to", str(tmp_path / "there")]
    command += ["--engine", "ray", "--workers", "2"]
    whole = extract_corpus(rules, [raw], tmp_path / "here", LocalWorkers(1))
    assert len(whole["files"]) >= 5
    driver = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not list((tmp_path / "there").glob(".work/*/*.json")) and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
    assert not (tmp_path / "there" / "manifest.json").exists()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "there" / "manifest.json").read_text())
    assert made == whole
    assert [document.text for document in load_corpus(tmp_path / "there")["train"]] == texts
