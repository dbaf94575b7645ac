import json
import shutil

import onoma


def test_thresholds_are_stored_and_used(onoma_cli, tiny_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    found = onoma_cli("thresholds", run, "--precision", "0.99", "--json").json
    card = json.loads((run / "onoma.json").read_text())
    assert card["temperature"] == round(found["temperature"], 4) != 1.0
    assert card["thresholds"].keys() <= found["thresholds"].keys()
    texts = [
        document["text"]
        for document in map(
            json.loads, onoma_cli("extract", run, "গুৱাহাটী এখন মহানগৰ।", "--output", "jsonl").out.splitlines()
        )
    ]
    assert texts == ["গুৱাহাটী এখন মহানগৰ।"]
    assert onoma.load(run).settings.thresholds == card["thresholds"]
    told = onoma_cli("thresholds", run, "--on", "examples:as").out
    assert "Thresholds for a precision of 0" in told
    assert json.loads((run / "onoma.json").read_text())["thresholds"] == {}


def test_no_gold_is_told(onoma_cli, tiny_run, write):
    path = write("a.conll", "Rome O\n")
    done = onoma_cli("thresholds", tiny_run, "--on", path, "--split", "train")
    assert done.code == 3
    assert "no gold entity to learn from" in done.err
