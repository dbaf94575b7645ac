import json

from conftest import assert_golden

from onoma.corpus import load_corpus


def test_a_harvest_for_people_and_for_programs(onoma_cli, write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("notes.txt", "Ann went to Rome in spring.\nBob stayed at home.\nann went to ROME in  spring.\nshort\n")
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9 au lait\n")
    write(
        "sources.yaml",
        "sources:\n  notes: {files: notes.txt, unit: line, language: en}\n  bad: {files: bad.txt, unit: line}\n",
    )
    done = onoma_cli("harvest", "sources.yaml", "raw", "--workers", 1)
    assert done.code == 0
    assert_golden("harvest.txt", done.out)
    assert [document.text for document in load_corpus("raw")["train"]] == [
        "Ann went to Rome in spring.",
        "Bob stayed at home.",
    ]
    again = onoma_cli("harvest", "sources.yaml", "raw", "--json").json
    assert again == json.loads((tmp_path / "raw" / "manifest.json").read_text())
    assert again["documents"] == 2


def test_faulty_files(onoma_cli, write, tmp_path):
    done = onoma_cli("harvest", write("sources.yaml", "sources: {a: {file: x}}"), tmp_path / "raw")
    assert done.code == 3
    assert "Did you mean 'files'?" in done.err
