import json

from conftest import assert_golden

import onoma


def test_check(onoma_cli):
    done = onoma_cli("check", "examples:as")
    assert done.code == 0
    assert_golden("check-as.txt", done.out)


def test_check_with_faults_and_a_base(onoma_cli, write, tiny_base, tmp_path):
    rows = "Rome B-LOC\nfell O\n\n" * 2 + "Rome B-ORG\nfell O\nhere O\n\n" + "Rome I-LOC\nfell O\n"
    write("c/train.conll", rows)
    write("c/test.conll", "Rome B-LOC\nfell O\n\nOslo B-LOC\nrose O\n")
    done = onoma_cli("check", tmp_path / "c", "--base", tiny_base)
    assert done.code == 0
    assert_golden("check-faults.txt", done.out.replace(str(tmp_path / "c"), "corpus"))
    found = onoma_cli("check", tmp_path / "c", "--json").json
    assert found["corpus"] == str(tmp_path / "c")
    assert found["splits"]["train"]["documents"] == 4


def test_convert_with_other_labels(onoma_cli, write, tmp_path):
    path = write("a.conll", "Apache B-Application\nCamel B-Library\non O\nLinux B-OS\n5 B-Value\n")
    labels = write("labels.yaml", "map: {SOFTWARE: [Application, Library]}\nkeep: [OS]\ndrop: [Value]\n")
    done = onoma_cli("convert", path, tmp_path / "b.jsonl", "--labels", labels)
    assert done.code == 0
    assert_golden("convert-labels.txt", done.out.replace(str(tmp_path), ""))
    labels.write_text("map: {SOFTWARE: [Aplication]}\n")
    done = onoma_cli("convert", path, tmp_path / "c.jsonl", "--labels", labels)
    assert done.code == 3
    assert "the map names 'Aplication', which no span of the corpus has. Did you mean 'Application'?" in done.err


def test_convert(onoma_cli, tmp_path):
    done = onoma_cli("convert", "examples:as", tmp_path / "out", "--to", "conll")
    assert done.code == 0
    assert_golden("convert.txt", done.out.replace(str(tmp_path), ""))
    assert len(onoma.load_corpus(tmp_path / "out")["test"]) == 40
    done = onoma_cli("convert", "examples:as", tmp_path / "test.jsonl", "--split", "test")
    assert done.code == 0
    assert len((tmp_path / "test.jsonl").read_text().splitlines()) == 40


def test_bad_rows_stop_or_are_skipped(onoma_cli, write, tmp_path):
    path = write("a.jsonl", '{"text": "Rome", "spans": [[0, 4, "LOC"]]}\n{"text": "Rome", "spans": [[0, 9, "LOC"]]}\n')
    done = onoma_cli("convert", path, tmp_path / "b.conll")
    assert done.code == 3
    assert f"Error: {path}:2: span [0, 9) LOC ends outside a text of 4 characters" in done.err
    assert not (tmp_path / "b.conll").exists()
    done = onoma_cli("convert", path, tmp_path / "b.conll", "--on-error", "skip")
    assert done.code == 0
    assert "1 rows skipped" in done.out
    assert "a.jsonl:2: span [0, 9) LOC ends outside" in done.out
    assert (tmp_path / "b.conll").read_text() == "Rome\tB-LOC\n\n"


def test_reader_options(onoma_cli, write):
    path = write("a.txt", "1 Rome x B-LOC\n")
    done = onoma_cli(
        "check", path, "--format", "conll", "--option", "word_column=1", "--option", "tag_column=3", "--json"
    )
    assert json.loads(done.out)["splits"]["train"]["labels"] == {"LOC": 1}


def test_bases(onoma_cli):
    done = onoma_cli("bases")
    assert done.code == 0
    assert "bundled:minilm-l6" in done.out
    names = [base["name"] for base in onoma_cli("bases", "--json").json]
    assert names == ["bundled:multilingual-e5-small", "bundled:minilm-l6", "bundled:smollm2-135m"]


def test_doctor(onoma_cli):
    assert "This machine" in onoma_cli("doctor").out
    found = onoma_cli("doctor", "--json").json
    assert found["onoma"] == onoma.__version__
    assert found["packages"]["torch"]
