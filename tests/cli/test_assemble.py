import json

from conftest import assert_golden

from onoma.annotation.journal import Journal
from onoma.corpus import load_corpus
from onoma.extractors.answers import Answer


def test_a_corpus_is_assembled_with_its_cost(onoma_cli, write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "text": f"Ann{n} likes to eat bread in the morning {n * 7919}",
            "spans": [{"start": 0, "end": 4, "label": "PER"}],
        }
        for n in range(10)
    ]
    write("raw.jsonl", "".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    write("assembly.yaml", "parts: {llm: {source: raw.jsonl}}\nsplits: {train: 0.6, test: 0.4}\ngold: raw.jsonl\n")
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.record(b"1" * 32, "a", Answer("[]", 100, 10, 0.25))
    done = onoma_cli("assemble", "assembly.yaml", "made", "--journal", "journal.sqlite")
    assert done.code == 0
    assert_golden("assemble.txt", done.out)
    assert "| cost | 0.25 |" in (tmp_path / "made" / "README.md").read_text()
    assert sum(len(split) for split in load_corpus("made").values()) == 10
    assert onoma_cli("assemble", "assembly.yaml", "made", "--set", "parts.llm.licence=MIT").code == 0
    assert "| MIT |" in (tmp_path / "made" / "README.md").read_text()
    assert onoma_cli("assemble", "assembly.yaml", "other", "--journal", "none").code == 3
    assert onoma_cli("assemble", "assembly.yaml", "third", "--json").json["parts"]["llm"]["read"] == 11


def test_an_inventory_is_written_and_used(onoma_cli, write, tmp_path, tiny_base):
    spans = [{"start": 0, "end": 3, "label": "Person"}, {"start": 4, "end": 7, "label": "persons"}]
    path = write("free.jsonl", json.dumps({"text": "Ann Bob", "spans": spans}))
    done = onoma_cli("inventory", path, tmp_path / "labels.yaml")
    assert done.code == 0
    assert_golden("inventory.txt", done.out.replace(str(tmp_path), ""))
    assert onoma_cli("convert", path, tmp_path / "tidy.jsonl", "--labels", tmp_path / "labels.yaml").code == 0
    assert load_corpus(tmp_path / "tidy.jsonl").labels == ("PERSON",)
    found = onoma_cli("inventory", path, tmp_path / "labels.yaml", "--base", tiny_base, "--json").json
    assert found["after"] == {"PERSON": 2}
