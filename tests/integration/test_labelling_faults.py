"""Twenty thousand texts through the Batch API, everything going wrong, and the command killed five times."""

import json
import random
import signal
import subprocess
import sys

import pytest
import yaml
from batch_server import BatchFaults, BatchServer, echo
from loopback import serve_app

from onoma.annotation.journal import Journal
from onoma.annotation.label import questions
from onoma.document import Document
from onoma.extractors.endpoint import EndpointExtractor

pytestmark = pytest.mark.integration

ITEMS = 20_000
FAULTS = BatchFaults(
    refuse=0.05,
    error=0.05,
    late_error=0.05,
    drop=0.05,
    truncate=0.15,
    invalid=0.15,
    expire=0.15,
    item_error=0.03,
    missing=0.03,
    malformed=0.03,
    doubled=0.03,
    stranger=0.03,
)


def test_nothing_is_lost_mixed_up_or_paid_twice(tmp_path):
    texts = tmp_path / "raw.jsonl"
    texts.write_text("".join(json.dumps({"text": f"text number {number}"}) + "\n" for number in range(ITEMS)))
    server = BatchServer(FAULTS, most_requests=1500, most_queued=8000, seconds=0.2, seed=1)
    endpoint = tmp_path / "llm.yaml"
    journal = tmp_path / "journal.sqlite"
    command = [sys.executable, "-m", "onoma", "label", texts, tmp_path / "out.jsonl", "--with", endpoint]
    draw = random.Random(5)
    with serve_app(server.app()) as url:
        batch = {"poll": 0.05, "requests": 2000, "in_flight": 4}
        endpoint.write_text(yaml.safe_dump({"model": "m", "url": f"{url}/v1", "labels": {"X": ""}, "batch": batch}))
        kills = 0
        while kills < 5:
            running = subprocess.Popen([*map(str, command), "--batch", "--journal", str(journal)])
            try:
                running.wait(draw.uniform(2, 7))
            except subprocess.TimeoutExpired:
                running.send_signal(signal.SIGKILL)
                running.wait()
                kills += 1
            else:
                break
        done = subprocess.run(
            [*map(str, command), "--batch", "--journal", str(journal)], capture_output=True, text=True
        )
    assert kills == 5, "the work was over before it was disturbed enough"
    assert done.returncode == 0, done.stderr
    extractor = EndpointExtractor.from_file(endpoint)
    documents = [Document(f"text number {number}") for number in range(ITEMS)]
    with Journal(journal) as opened:
        counts = opened.counts()
        assert counts["waiting"] == counts["sent"] == 0
        assert counts["answered"] + counts["failed"] == ITEMS
        # A batch that expires twice leaves its items few tries for the faults of their own; each failure is noted.
        assert sum(opened.failures().values()) == counts["failed"] <= ITEMS / 200
        for question in questions(extractor, documents, opened, answered=True):
            answer = opened.answer(question.key)
            if answer is not None:
                assert answer.text == echo(question.body["messages"][-1]["content"])
    assert max(server.paid.values()) == 1
    assert len(server.paid) == counts["answered"]
    assert min(server.seen[name] for name in ("refuse", "error", "late_error", "drop", "truncate", "expire")) > 0
    print(dict(server.seen), counts)
