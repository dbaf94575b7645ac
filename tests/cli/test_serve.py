import json
import re
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text("gazetteers: {LOC: [Rome]}\n")
    return path


def test_a_service_answers_and_ends_when_all_is_answered(onoma_cli, rules, tmp_path):
    key = onoma_cli("keys", tmp_path / "keys.yaml", "team").out.strip()
    command = [
        sys.executable,
        "-m",
        "onoma",
        "serve",
        f"places={rules}",
        "--port",
        "0",
        "--keys",
        tmp_path / "keys.yaml",
    ]
    running = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    said = []
    try:
        for line in running.stderr:
            said.append(line)
            if found := re.search(r"http://127.0.0.1:\d+", line):
                break
        with httpx.Client(base_url=found.group(), headers={"Authorization": f"Bearer {key}"}) as client:
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                try:
                    assert client.get("/ready").status_code == 200
                    break
                except httpx.ConnectError:
                    time.sleep(0.05)
            ask = {"texts": ["secret Rome"] * 1000}
            answers = []
            asking = threading.Thread(target=lambda: answers.append(client.post("/v1/extract", json=ask)))
            asking.start()
            time.sleep(0.02)
            running.send_signal(signal.SIGTERM)
            asking.join(20)
        said += running.stderr.readlines()
        running.wait(20)
    finally:
        running.kill()
    assert "places: other, LOC" in said[0]
    assert answers[0].status_code == 200, "what was accepted is answered"
    assert len(answers[0].json()["documents"]) == 1000
    lines = [json.loads(line) for line in said if line.startswith("{")]
    assert lines[-1]["key"] == "team"
    assert lines[-1]["documents"] == 1000
    assert "secret" not in "".join(said)


def test_what_would_be_open_to_all_or_of_one_name(onoma_cli, rules):
    done = onoma_cli("serve", rules, "--host", "0.0.0.0")
    assert done.code == 1
    assert "everyone who reaches 0.0.0.0 could use it. Make a key" in done.err
    done = onoma_cli("serve", rules, rules)
    assert "two extractors are named 'rules'" in done.err
    assert onoma_cli("serve", rules.parent / "nothing").code == 5
    done = onoma_cli("serve", rules, "--keys", rules)
    assert done.code == 3


def test_only_ray_has_replicas(onoma_cli, write):
    rules = write("rules.yaml", "gazetteers: {PER: [Ann]}\n")
    done = onoma_cli("serve", rules, "--replicas", 2)
    assert done.code == 1
    assert "only Ray has replicas. Add --engine ray." in done.err
