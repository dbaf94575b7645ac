import json

import pytest

from onoma.corpus import load_corpus
from onoma.document import Document
from onoma.errors import DataError, OnomaError
from onoma.files import locked
from onoma.scale.extract import extract_corpus, extract_stream
from onoma.scale.workers import LocalWorkers, Workers

TEXTS = [f"Ann went to Rome {number} times" for number in range(200)]


class Ending(Workers):
    """A worker that ends after some items, as a killed process does."""

    def __init__(self, after):
        self.count, self.after = 1, after

    def map(self, make, items):
        work = make()
        for number, item in enumerate(items):
            if number == self.after:
                raise KeyboardInterrupt
            yield work(item)


@pytest.fixture
def rules(write):
    return str(write("rules.yaml", "gazetteers:\n  LOC: [Rome]\n  PER: [Ann]\n"))


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text("\n".join(TEXTS))
    return tmp_path / "raw"


def test_a_corpus_of_found_entities(rules, raw, tmp_path):
    seen = []
    made = extract_corpus(
        rules, [raw], tmp_path / "out", LocalWorkers(1), size=1_000, watch=lambda *at: seen.append(at)
    )
    assert (made["documents"], made["labels"]) == (200, {"LOC": 200, "PER": 200})
    found = load_corpus(tmp_path / "out")["train"]
    assert [document.text for document in found] == TEXTS
    assert [span.label for span in found[0].spans] == ["PER", "LOC"]
    assert seen[0] == (0, 6, 0)
    assert seen[-1] == (6, 6, 200)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["manifest.json", *sorted(made["files"])]


@pytest.mark.parametrize("count", [2, 3])
def test_any_number_of_workers_makes_the_same_files(rules, raw, tmp_path, count):
    one = extract_corpus(rules, [raw], tmp_path / "one", LocalWorkers(1), size=1_000)
    assert extract_corpus(rules, [raw], tmp_path / "many", LocalWorkers(count), size=1_000) == one


@pytest.mark.parametrize("after", [0, 1, 4])
def test_an_ended_extraction_goes_on_where_it_was(rules, raw, tmp_path, after):
    whole = extract_corpus(rules, [raw], tmp_path / "whole", LocalWorkers(1), size=1_000)
    with pytest.raises(KeyboardInterrupt):
        extract_corpus(rules, [raw], tmp_path / "out", Ending(after), size=1_000)
    assert not (tmp_path / "out" / "manifest.json").exists()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.parquet")}
    assert len(before) == after
    assert extract_corpus(rules, [raw], tmp_path / "out", LocalWorkers(1), size=1_000) == whole
    assert all(path.stat().st_mtime_ns == at for path, at in before.items()), "what was done is not done again"
    assert load_corpus(tmp_path / "out")["train"][199].text == TEXTS[199]


def test_a_shard_whose_file_is_damaged_is_done_again(rules, raw, tmp_path):
    whole = extract_corpus(rules, [raw], tmp_path / "whole", LocalWorkers(1), size=1_000)
    with pytest.raises(KeyboardInterrupt):
        extract_corpus(rules, [raw], tmp_path / "out", Ending(3), size=1_000)
    first, second = sorted((tmp_path / "out").glob("*.parquet"))[:2]
    first.write_bytes(first.read_bytes()[:50])
    second.unlink()
    (marker,) = (tmp_path / "out").glob(".work/*/00002.json")
    marker.write_text('{"file"')
    assert extract_corpus(rules, [raw], tmp_path / "out", LocalWorkers(1), size=1_000) == whole


def test_what_is_finished_is_left_and_what_is_another_is_refused(rules, raw, tmp_path):
    made = extract_corpus(rules, [raw], tmp_path / "out", LocalWorkers(1))
    assert extract_corpus(rules, [raw], tmp_path / "out", Ending(0)) == made
    (raw / "b.txt").write_text("more")
    with pytest.raises(DataError, match="out: holds another extraction"):
        extract_corpus(rules, [raw], tmp_path / "out", LocalWorkers(1))
    with pytest.raises(DataError, match="raw: the folder holds something else"):
        extract_corpus(rules, [raw], raw, LocalWorkers(1))


def test_blank_shards_leave_no_file(rules, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("\n" * 500 + "Ann\n")
    made = extract_corpus(rules, [path], tmp_path / "out", LocalWorkers(1), size=100)
    assert (made["documents"], len(made["files"])) == (1, 1)
    assert len(load_corpus(tmp_path / "out")["train"]) == 1
    path.write_text("")
    with pytest.raises(DataError, match="there is no text"):
        extract_corpus(rules, [path], tmp_path / "empty", LocalWorkers(1))


def test_two_processes_do_not_share_a_folder(rules, raw, tmp_path):
    with locked(tmp_path / "out"), pytest.raises(OnomaError, match="out: another process is at work on it"):
        extract_corpus(rules, [raw], tmp_path / "out", LocalWorkers(1))


@pytest.mark.parametrize("count", [1, 2])
def test_documents_that_this_process_holds(rules, count):
    found = list(extract_stream(rules, map(Document, TEXTS), LocalWorkers(count)))
    assert [document.text for document in found] == TEXTS
    assert all(len(document.spans) == 2 for document in found)


def test_the_command(onoma_cli, rules, raw, tmp_path):
    done = onoma_cli("extract", rules, raw, "--to", tmp_path / "out", "--workers", 2)
    assert done.code == 0, done.err
    assert done.out.splitlines() == ["200 documents, LOC 200, PER 200", f"Wrote {tmp_path / 'out'}: 1 files"]
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["documents"] == 200
    done = onoma_cli("extract", rules, raw, "--workers", 2)
    assert done.code == 3
    assert "several workers write into a folder. Name it with --to" in done.err
    done = onoma_cli("extract", rules, "Ann is here", "--to", tmp_path / "text")
    assert "Ann is here: no such file or folder" in done.err
