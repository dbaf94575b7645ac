import json

import pytest

from onoma.errors import ModelError
from onoma.models.runs import RunCard

CARD = RunCard(
    labels=("LOC", "PER"),
    method="lora",
    base="xlm-roberta-base",
    base_revision="abc",
    base_checksum="sha256:1",
    tokenizer_checksum="sha256:2",
    window=40,
    subwords="mean",
    thresholds={"LOC": 0.5},
    rewrite=("assamese-as-bengali",),
)


def test_round_trip(tmp_path):
    CARD.write(tmp_path)
    assert RunCard.read(tmp_path) == CARD


def test_folders_that_are_no_runs_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"no onoma.json: this is not a run. Name a folder"):
        RunCard.read(tmp_path)
    path = tmp_path / "onoma.json"
    CARD.write(tmp_path)
    whole = json.loads(path.read_text())
    for damage, message in (
        ("{", "not a whole run card"),
        ("[]", "not a whole run card"),
        (json.dumps(whole | {"format": 99}), "another version of Onoma. Upgrade"),
        (json.dumps(whole | {"colour": 1}), "not a whole run card"),
        (json.dumps({key: whole[key] for key in ("format", "kind", "labels")}), "not a whole run card"),
    ):
        path.write_text(damage)
        with pytest.raises(ModelError, match=message):
            RunCard.read(tmp_path)
