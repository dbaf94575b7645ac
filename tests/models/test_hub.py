"""Pushing, to a stand-in of the hub that speaks its protocol on this machine."""

import base64
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import onoma
from onoma.errors import ModelError
from onoma.models.hub import PUSHED, push_to_hub


class Hub(BaseHTTPRequestHandler):
    """Takes commits with their files inside, as the hub does for small files."""

    def answer(self, content, status=200):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer({"id": "owner/run", "siblings": [], "sha": "0" * 40})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Authorization") != "Bearer hf_test":
            self.answer({"error": "Invalid credentials"}, 401)
        elif self.path == "/api/repos/create":
            self.server.created.append(json.loads(body))
            self.answer({"url": "https://huggingface.co/owner/run", "name": "owner/run"})
        elif "/preupload/" in self.path:
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            self.answer({"files": files})
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self.answer(
                {
                    "commitUrl": f"https://huggingface.co/owner/run/commit/{'0' * 40}",
                    "commitOid": "0" * 40,
                    "pullRequestUrl": None,
                }
            )
        else:
            self.answer({})

    def log_message(self, *_):
        pass


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.created, server.files = [], {}
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def push(hub, run, name="owner/run", token="hf_test"):
    address = f"http://127.0.0.1:{hub.server_address[1]}"
    environment = os.environ | {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": address, "HF_TOKEN": token}
    command = [sys.executable, "-m", "onoma", "push", run, name, "--private"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_a_pushed_run_loads_again_and_holds_no_sentences(hub, tiny_run, tmp_path):
    done = push(hub, tiny_run)
    assert done.returncode == 0, done.stderr
    assert f"Pushed to https://huggingface.co/owner/run/commit/{'0' * 40}" in done.stdout
    assert hub.created[0]["visibility"] == "private"
    assert set(hub.files) == set(PUSHED) & {path.name for path in tiny_run.iterdir()}
    for name, content in hub.files.items():
        (tmp_path / name).write_bytes(content)
    text = "হিতেশ ডেকাই গুৱাহাটীত থাকে"
    assert onoma.load(tmp_path).extract(text) == onoma.load(tiny_run).extract(text)


def test_refusals_are_told(hub, tiny_run, tmp_path):
    done = push(hub, tiny_run, token="hf_wrong")
    assert done.returncode == ModelError.exit_code
    assert "Error: the hub did not take 'owner/run'" in done.stderr
    assert "hf auth login" in done.stderr
    assert "Traceback" not in done.stderr
    with pytest.raises(ModelError, match="not a name of a hub repository: 'a b'"):
        push_to_hub(tiny_run, "a b")
    with pytest.raises(ModelError, match="this is not a run"):
        push_to_hub(tmp_path, "owner/run")
