import json
import shutil

import pytest

from onoma.corpus import load_corpus
from onoma.errors import ModelError
from onoma.extractors.load import load


def test_a_run_with_its_base_moved(tiny_run, tiny_base, tmp_path):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    card = json.loads((run / "onoma.json").read_text())
    (run / "onoma.json").write_text(json.dumps(card | {"base": str(tmp_path / "moved")}))
    with pytest.raises(ModelError, match="no such folder"):
        load(run)
    shutil.copytree(tiny_base, tmp_path / "elsewhere")
    assert load(run, base=str(tmp_path / "elsewhere")).labels == ("LOC", "ORG", "PER")


def test_thresholds_of_the_card_count(tiny_run, tmp_path):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    text = "হিতেশ ডেকাই গুৱাহাটীত থাকে"
    assert load(run).extract(text).spans
    card = json.loads((run / "onoma.json").read_text())
    (run / "onoma.json").write_text(json.dumps(card | {"thresholds": dict.fromkeys(card["labels"], 1.0)}))
    assert load(run).extract(text).spans == ()


def test_two_adapters_on_one_base_do_not_disturb_each_other(tiny_run):
    gold = list(load_corpus("examples:as")["test"])
    last = load(tiny_run)
    alone = last.extract(gold)
    source = load(tiny_run / "stages" / "1-source")
    other = source.extract(gold)
    assert last.extract(gold) == alone != other
    assert [last.extract(document) for document in gold] == alone
    assert source.extract(gold) == other


def test_a_hub_id_is_found_in_the_hub_cache(tiny_run, tmp_path, monkeypatch):
    repository = tmp_path / "models--owner--run"
    shutil.copytree(tiny_run, repository / "snapshots" / ("0" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    text = "হিতেশ ডেকাই গুৱাহাটীত থাকে"
    assert load("owner/run").extract(text) == load(tiny_run).extract(text)
    (repository / "snapshots" / ("0" * 40) / "onoma.json").unlink()
    with pytest.raises(ModelError, match="'owner/run' on the hub is not a run of Onoma"):
        load("owner/run")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("runs/a/b", "no such run. Name a run folder, a rules file or a hub id"),
        ("./gone", "no such run"),
        ("gone", "no such run"),
        ("owner/gone", "no run 'owner/gone' here, and the hub does not give one"),
    ],
)
def test_unknown_names(name, message, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=message):
        load(name)


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(ModelError, match=r"no onoma.json: this is not a run"):
        load(tmp_path)
