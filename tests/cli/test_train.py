import json

import pytest
import yaml
from conftest import assert_golden


@pytest.fixture
def recipe(tiny_recipe, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(tiny_recipe(), allow_unicode=True))
    return path


def test_train_twice(onoma_cli, recipe, tmp_path):
    done = onoma_cli("train", recipe, "--runs", tmp_path / "runs", "--set", "evaluate=[as]")
    assert done.code == 0, done.err
    assert "stage source: 120 sentences" in done.err
    assert "Strict entity F1" in done.out
    assert f"Run: {tmp_path / 'runs' / 'tiny'}" in done.out
    again = onoma_cli("train", recipe, "--runs", tmp_path / "runs")
    assert again.code == 0
    assert "Nothing to do: this run is finished" in again.out
    found = onoma_cli("train", recipe, "--runs", tmp_path / "runs", "--json").json
    assert [stage["stage"] for stage in found["stages"]] == ["source", "target"]
    assert found["run"] == str(tmp_path / "runs" / "tiny")
    refused = onoma_cli("train", recipe, "--runs", tmp_path / "runs", "--set", "seed=3")
    assert refused.code == 4
    assert "another recipe made" in refused.err


def test_wrong_keys_are_named_before_anything_is_read(onoma_cli, recipe):
    done = onoma_cli("train", recipe, "--set", "traning.epochs=1")
    assert done.code == 4
    assert "recipe.yaml: unknown key 'traning'. Did you mean 'training'?" in done.err


def test_evaluate(onoma_cli, write, tmp_path):
    rules = write("rules.yaml", "gazetteers: {LOC: [মুম্বাইলৈ, অৰুণাচলৰ, ৰিজাৰ্ভ বেংকে], PER: [জুবিন গাৰ্গে, প্ৰণৱ]}\n")
    done = onoma_cli("evaluate", rules, "examples:as", "--predictions", tmp_path / "p.jsonl")
    assert done.code == 0, done.err
    assert_golden("evaluate.txt", done.out.replace(str(tmp_path), ""))
    assert len((tmp_path / "p.jsonl").read_text().splitlines()) == 40
    found = onoma_cli("evaluate", rules, "examples:as", "--train", "examples:as", "--json").json
    assert found["unseen"]["documents"] == 40
    assert found["all"]["labels"]["LOC"]["support"] == 25
    train = onoma_cli("evaluate", rules, "examples:as", "--split", "train", "--json").json
    assert train["unseen"] is None
    assert json.dumps(train)
