"""What the README promises of `make demo`, apart from the installation."""

import json
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.integration


def onoma(*arguments):
    return subprocess.run([sys.executable, "-m", "onoma", *arguments], capture_output=True, text=True, timeout=600)


def test_quickstart(tmp_path):
    done = onoma("quickstart", "--runs", tmp_path)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "quickstart" / "metrics.json").read_text())
    before, after = (stage["test"]["as"]["all"]["micro"]["f1"] for stage in metrics["stages"])
    assert after > before > 0.2
    assert after > 0.5
    assert f"{before:.3f}" in done.stdout
    assert f"{after:.3f}" in done.stdout
    assert "গুৱাহাটী" in done.stdout
    assert "Calcutta" in done.stdout
    size = sum(path.stat().st_size for path in (tmp_path / "quickstart").glob("*.safetensors"))
    assert size < 8_000_000

    start = time.monotonic()
    again = onoma("quickstart", "--runs", tmp_path)
    assert time.monotonic() - start < 20
    assert "Nothing to do: this run is finished" in again.stdout

    times = []
    for _ in range(3):
        start = time.monotonic()
        found = onoma("extract", tmp_path / "quickstart", "গুৱাহাটী এখন মহানগৰ।", "--output", "jsonl")
        times.append(time.monotonic() - start)
    assert json.loads(found.stdout)["text"] == "গুৱাহাটী এখন মহানগৰ।"
    # Twice what it takes on two idle cores: tests share theirs.
    assert min(times) < 8
