"""The label-free recipe from end to end, on the package's own sentences."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from onoma.corpus import load_corpus
from onoma.models.runs import RunCard

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
WORDS = ["server", "client", "window", "table", "because", "often", "never", "python", "people", "morning", "letter"]


def test_raw_text_becomes_a_tagger(tiny_base, tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    documents = [document for split in load_corpus("examples:en-it").values() for document in split]
    (texts / "notes.md").write_text("\n\n".join(document.text for document in documents[:5]))
    draw = random.Random(1)
    rows = [" ".join(draw.sample([*WORDS, "Java", "Ubuntu"], 9)) for _ in range(60)]
    (texts / "all.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    scripts = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{scripts}:{os.environ['PATH']}",
        "BASE": str(tiny_base),
        "RUNS": str(tmp_path / "runs"),
    }
    command = [ROOT / "recipes" / "label-free" / "run.sh", texts, "examples:en-it"]
    for _ in range(2):  # the same command again finds everything done
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert done.stdout.count("SOFTWARE") >= 2
    assert RunCard.read(tmp_path / "runs" / "tagger").labels
    corpus = load_corpus(tmp_path / "runs" / "corpus")
    gold = {document.text for document in load_corpus("examples:en-it")["test"]}
    assert not gold & {document.text for split in corpus.values() for document in split}
