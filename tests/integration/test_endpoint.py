"""A real language model behind a real server: SmolLM2 in `transformers serve`."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

import onoma
from onoma.models.bases import resolve_base

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = str(resolve_base("bundled:smollm2-135m").folder)
    command = [str(Path(sys.executable).with_name("transformers")), "serve", model, "--port", str(port)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server does not start"
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1", model
    finally:
        process.terminate()
        process.wait(30)


def test_a_real_model_is_asked_and_invents_no_span(server, write):
    url, model = server
    content = {
        "model": model,
        "url": url,
        "labels": {"PER": "people", "LOC": "places"},
        "examples": {"corpus": "examples:en-it", "count": 2, "choose": "first"},
        "max_tokens": 40,
        "concurrency": 1,
    }
    extractor = onoma.load(write("llm.yaml", yaml.safe_dump(content)))
    documents = extractor.extract(["Ann Lee moved to Rome.", "Bob stays in Oslo."])
    assert [document.text for document in documents] == ["Ann Lee moved to Rome.", "Bob stays in Oslo."]
    assert extractor.usage.requests == 2
    assert extractor.usage.input_tokens > 100
    assert extractor.usage.output_tokens > 0
    for document in documents:
        assert all(span.label in {"PER", "LOC"} and document.surface(span) in document.text for span in document.spans)
