import json
import subprocess
import sys

import pytest
from conftest import assert_golden

RULES = "gazetteers:\n  LOC: [Rome, গুৱাহাটী]\n  PER: [Ann]\n"


@pytest.fixture
def rules(write):
    return write("rules.yaml", RULES)


def test_texts_for_people(onoma_cli, rules):
    done = onoma_cli("extract", rules, "Ann is in Rome.", "গুৱাহাটী এখন মহানগৰ।", "none")
    assert done.code == 0
    assert_golden("extract-text.txt", done.out)


def test_texts_for_programs(onoma_cli, rules):
    done = onoma_cli("extract", rules, "Ann is in Rome.", "--output", "jsonl")
    assert_golden("extract-jsonl.txt", done.out)
    done = onoma_cli("extract", rules, "Ann is in Rome.", "--output", "conll")
    assert done.out == "Ann\tB-PER\nis\tO\nin\tO\nRome\tB-LOC\n.\tO\n\n"


def test_files_and_standard_input(onoma_cli, rules, write):
    notes = write("notes.txt", "\ufeffAnn\r\n\r\nin Rome\n")
    rows = write("rows.jsonl", json.dumps({"text": "to Rome", "id": "7"}) + "\n")
    done = onoma_cli("extract", rules, notes, rows, "-", "--output", "jsonl", stdin="from গুৱাহাটী\n".encode())
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [document["text"] for document in found] == ["Ann", "in Rome", "to Rome", "from গুৱাহাটী"]
    assert [len(document["spans"]) for document in found] == [1, 1, 1, 1]
    assert found[2]["id"] == "7"
    whole = json.loads(onoma_cli("extract", rules, notes, "--unit", "file", "--output", "jsonl").out)
    assert whole["text"] == "Ann\r\n\r\nin Rome\n"
    assert (
        json.loads(onoma_cli("extract", rules, "-", "--unit", "file", "--output", "jsonl", stdin=b"a\nb").out)["text"]
        == "a\nb"
    )


def test_text_that_is_no_utf8(onoma_cli, rules, tmp_path):
    (tmp_path / "latin.txt").write_bytes("good\ncaf\xe9\n".encode("latin-1"))
    done = onoma_cli("extract", rules, tmp_path / "latin.txt")
    assert done.code == 3
    assert "latin.txt:2: not UTF-8 (byte 4). Save the text as UTF-8." in done.err
    done = onoma_cli("extract", rules, "-", stdin=b"\xff")
    assert "standard input:1: not UTF-8" in done.err


@pytest.mark.parametrize("text", ["", " ", "x\x00y", "a" * 100_000])
def test_texts_that_hold_nothing(onoma_cli, rules, text):
    done = onoma_cli("extract", rules, text, "--output", "jsonl")
    assert done.code == 0
    assert json.loads(done.out) == {"text": text, "spans": []}


def test_bytes_of_the_command_line_that_are_no_utf8(rules):
    done = subprocess.run(
        [sys.executable, "-m", "onoma", "extract", rules, b"Rome \xff", "--output", "jsonl"], capture_output=True
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["text"] == "Rome \udcff"
    assert len(json.loads(done.stdout)["spans"]) == 1


def test_a_generator_is_asked_for_other_types(onoma_cli, writer, rules):
    text = "Ubuntu 22.04 throws a NullPointerException"
    done = onoma_cli("extract", writer, text, "--labels", "river, city", "--output", "jsonl")
    assert {span["label"] for span in json.loads(done.out)["spans"]} <= {"river", "city"}
    assert onoma_cli("extract", writer, text, "--labels", "any").code == 0
    done = onoma_cli("extract", rules, text, "--labels", "river")
    assert done.code == 5
    assert "cannot be asked for other types than its own" in done.err


def test_what_a_grammar_is_worth_can_be_seen(onoma_cli, writer):
    done = onoma_cli("evaluate", writer, "examples:en-it", "--no-grounded", "--json")
    effort = json.loads(done.out)["effort"]
    assert effort["texts"] == 15
    assert effort["invalid"] > 0
    done = onoma_cli("evaluate", writer, "examples:en-it")
    assert "0 answers of faulty form" in done.out
