"""The service on Ray Serve: replicas that load adapters as requests need them."""

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from loopback import serve_app

from onoma.document import Document
from onoma.errors import DataError
from onoma.serving.api import ServiceSettings, create_app
from onoma.serving.engines import Engines
from onoma.serving.replicas import open_replicas

pytestmark = pytest.mark.integration
pytest.importorskip("ray.serve")

RULES = "gazetteers:\n  LOC: [Rome]\n  PER: [Ann]\n"
TEXTS = [f"Ann went to Rome {number} times" for number in range(60)]


@pytest.fixture
def rules(write):
    return str(write("rules.yaml", RULES))


@pytest.fixture(scope="module")
def replicas():
    with open_replicas(2, None, memory=64 * 1024 * 1024) as opened:
        yield opened


@pytest.fixture
def service(replicas):
    with serve_app(create_app(replicas, ServiceSettings(deadline=60))) as url, httpx.Client(base_url=url) as client:
        yield client


def asked(client, adapter, *texts):
    return client.post("/v1/extract", json={"adapter": adapter, "texts": list(texts)}, timeout=60)


def test_replicas_answer_as_one_process_does(replicas, service, rules, tiny_run):
    here = Engines()
    for name, path in (("rules", rules), ("run", tiny_run)):
        assert replicas.add(name, Path(path)) == here.add(name, Path(path))
    listed = {one["name"]: one["labels"] for one in service.get("/v1/adapters").json()["adapters"]}
    assert listed == {name: list(one.labels) for name, one in here.served.items()}
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: asked(service, ("rules", "run")[number % 2], TEXTS[number]), range(60)))
    for number, answer in enumerate(answers):
        (expected,) = here.extract([Document(TEXTS[number])], [("rules", "run")[number % 2]])
        entities = answer.json()["documents"][0]["entities"]
        assert [(one["start"], one["end"], one["label"]) for one in entities] == [
            (span.start, span.end, span.label) for span in expected.spans
        ]


def test_replicas_load_again_and_unload(replicas, service, write):
    path = write("changing.yaml", RULES)
    replicas.add("changing", path)
    assert len(asked(service, "changing", "Ann in Rome").json()["documents"][0]["entities"]) == 2
    path.write_text("gazetteers: {PER: [Ann]}\n")
    replicas.add("changing", path)
    assert len(asked(service, "changing", "Ann in Rome").json()["documents"][0]["entities"]) == 1
    replicas.remove("changing")
    answer = asked(service, "changing", "Ann")
    assert answer.status_code == 404
    assert "no adapter 'changing'" in answer.json()["error"]


def test_what_cannot_be_loaded_is_said_and_changes_nothing(replicas, rules, write):
    replicas.add("good", Path(rules))
    with pytest.raises(DataError, match="the pattern of PER does not compile"):
        replicas.add("good", write("bad.yaml", "patterns: {PER: '('}\n"))
    assert replicas.find("good").labels == ("LOC", "PER")
    replicas.remove("good")


def test_a_killed_replica_is_replaced(replicas, service, rules):
    replicas.add("rules", Path(rules))
    title = b"ray::ServeReplica:onoma:Extractors"
    pids = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if title in path.read_bytes()]
    assert len(pids) == 2
    os.kill(pids[0], signal.SIGKILL)
    deadline, in_a_row = time.monotonic() + 60, 0
    while in_a_row < 20:
        assert time.monotonic() < deadline
        status = asked(service, "rules", "Ann").status_code
        assert status in {200, 503}
        in_a_row = in_a_row + 1 if status == 200 else 0


def test_the_command_serves_from_replicas(rules, tmp_path):
    command = [sys.executable, "-m", "onoma", "serve", f"names={rules}", "--engine", "ray", "--replicas", "2"]
    with (tmp_path / "said").open("wb") as said:
        server = subprocess.Popen([*command, "--port", "0"], stderr=said)
    try:
        deadline = time.monotonic() + 60
        while not (found := re.search(r"listening on (http://\S+)", (tmp_path / "said").read_text())):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with httpx.Client(base_url=found[1]) as client:
            assert [
                one["label"] for one in asked(client, "names", "Ann in Rome").json()["documents"][0]["entities"]
            ] == [
                "PER",
                "LOC",
            ]
        server.send_signal(signal.SIGTERM)
        assert abs(server.wait(60)) == signal.SIGTERM
    finally:
        server.kill()
        server.wait()
    assert "Traceback" not in (tmp_path / "said").read_text()
