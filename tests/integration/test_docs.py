"""What README and docs show is carried out, page by page, in a folder that holds what the pages speak of."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import PAGES, code_blocks, shell_lines

from onoma.annotation.journal import Journal
from onoma.corpus import load_corpus, save_corpus
from onoma.document import Document

pytestmark = pytest.mark.integration
# What only its own test can carry out, by what stands in the command.
ELSEWHERE = {
    r"^(make|pip|vllm|curl|LABELS=)": "no command of Onoma's; make demo and make test are what CI runs",
    r"^onoma (train|study) ": "bases from the hub, or hours; the recipes are read in tests/test_docs.py",
    r"^onoma quickstart": "test_quickstart.py",
    r"^onoma (serve|ui) ": "runs until it is stopped: test_service.py, test_page.py, test_ray_serve.py",
    r"--engine ray": "test_ray.py",
    r"llm\.yaml": "asks a server: tests/annotation/test_label.py",
    r"^onoma push": "tests/models/test_hub.py",
    r"open-ner-int4": "tests/deployment/test_generator_export.py",
}
TEXTS = ["গুৱাহাটী অসমৰ চহৰ আৰু ডিব্ৰুগড় এখন নগৰ।", "The server throws an error on Ubuntu 22.04 since Java 8 was installed."]


@pytest.fixture
def world(tiny_run, writer, tmp_path, monkeypatch):
    """The folder that the pages' commands are given in."""
    for name in ("assamese", "it", "mine", "first", "second", "teacher"):
        shutil.copytree(tiny_run, tmp_path / "runs" / name)
    shutil.copytree(writer, tmp_path / "runs" / "open-ner")
    for name in ("as", "it", "gold", "ner", "stackoverflow"):
        corpus = load_corpus("examples:as" if name in {"as", "it"} else "examples:en-it")
        save_corpus(corpus, tmp_path / "data" / name, format="jsonl")
    save_corpus({"test": load_corpus("examples:en-it")["test"]}, tmp_path / "data" / "ner.conll")
    texts = [Document(f"{text} ({number})") for text in TEXTS for number in range(20)]
    save_corpus({"train": texts}, tmp_path / "raw.jsonl")
    for name, kind in (("labelled.jsonl", None), ("labelled.parquet", None), ("export.json", "label-studio")):
        save_corpus({"train": load_corpus("examples:en-it")["train"]}, tmp_path / name, format=kind)
    files = {
        "sources.yaml": {"sources": {"text": {"files": "raw.jsonl"}}},
        "assembly.yaml": {"parts": {"labelled": {"source": "labelled.jsonl"}}},
        "names.yaml": {"map": {label: [label] for label in load_corpus("examples:en-it").labels}},
    }
    for name, content in files.items():
        (tmp_path / name).write_text(yaml.safe_dump(content))
    Journal(tmp_path / "journal.sqlite").close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if code_blocks(page, "sh")], ids=lambda page: page.stem)
def test_the_commands_of_a_page_do_what_they_say(page, world):
    if page.stem == "scaling":
        subprocess.run(["onoma", "export", "runs/it", "it-int8", "--precision", "int8", "--most-loss", "1"], check=True)
    for command in shell_lines(page):
        if any(re.search(pattern, command) for pattern in ELSEWHERE):
            continue
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout[-500:]}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize("page", [page for page in PAGES if code_blocks(page, "python")], ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page, world):
    from datasets import Dataset
    from presidio_analyzer import RecognizerRegistry

    given = {"registry": RecognizerRegistry(), "dataset": Dataset.from_dict({"text": TEXTS})}
    for block in code_blocks(page, "python"):
        exec(compile(block, str(page), "exec"), given)
