"""A real language model behind a real server: `transformers serve` on loopback."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from onoma.models.bases import resolve_base


@contextlib.contextmanager
def serve_base(name: str) -> Iterator[tuple[str, str]]:
    """Serve a base; yields the URL of the API and the model's name there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = str(resolve_base(name).folder)
    # On CPUs half precision, the server's choice, is slower.
    command = [str(Path(sys.executable).with_name("transformers")), "serve", model, "--dtype", "float32"]
    process = subprocess.Popen(
        [*command, "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )
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
