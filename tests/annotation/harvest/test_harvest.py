import json
import random

import pytest

from onoma.annotation.harvest import harvest as module
from onoma.annotation.harvest.harvest import harvest, load_harvest
from onoma.corpus import load_corpus
from onoma.errors import DataError
from onoma.scale.workers import LocalWorkers

ENGLISH = "The old bridge over the river was closed on Monday because of the heavy rain in the hills"
ASSAMESE = "গুৱাহাটী অসমৰ আটাইতকৈ ডাঙৰ চহৰ আৰু ইয়াত বহুতো মানুহ থাকে"


@pytest.fixture
def sources(write, tmp_path):
    """A harvest file over small files in two languages, with everything that is to be rejected."""
    words = [f"word{number}" for number in range(500)]
    draw = random.Random(1)
    lines = [f"{ENGLISH} {' '.join(draw.sample(words, 12))}" for _ in range(40)]
    write("en.txt", "\n".join([*lines, lines[0].upper(), lines[1] + " indeed", "too short", "Москва столица России"]))
    write("as.txt", "\n".join(f"{ASSAMESE} {number}{number}{number} {chr(0x995 + number)}" for number in range(8)))
    write("long.txt", " ".join([f"{ENGLISH}."] * 20))
    return write(
        "sources.yaml",
        f"""
sources:
  english: {{files: {tmp_path}/en.txt, unit: line, language: en}}
  assamese: {{files: {tmp_path}/as.txt, unit: line}}
  long: {{files: {tmp_path}/long.txt}}
  made: {{synthetic: [log], documents: 5}}
words: {{most: 60}}
duplicates: 0.9
""",
    )


def test_a_harvest_says_what_came_and_what_went(sources, tmp_path):
    manifest = harvest(load_harvest(sources), tmp_path / "raw")
    assert manifest["sources"]["english"]["rejected"] == {
        "short": 1,
        "script": 1,
        "duplicate": 1,
        "near-duplicate": 1,
    }
    assert manifest["sources"]["english"]["documents"] == 40
    assert manifest["sources"]["long"]["words_left_out"] > 200
    assert manifest["languages"]["as"]["documents"] == 8
    assert json.loads((tmp_path / "raw" / "manifest.json").read_text()) == manifest
    assert not (tmp_path / "raw" / ".work").exists()
    documents = list(load_corpus(tmp_path / "raw")["train"])
    assert len(documents) == manifest["documents"] == len({document.id for document in documents})
    assert {document.meta["source"] for document in documents} == {"english", "assamese", "long", "made"}
    assert all(bool(document.spans) == (document.meta["source"] == "made") for document in documents)
    long = next(document for document in documents if document.meta["source"] == "long")
    assert 30 < len(long.words()) <= 60


def test_many_processes_give_the_same(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 500)
    loaded = load_harvest(sources)
    assert harvest(loaded, tmp_path / "one") == harvest(loaded, tmp_path / "two", workers=LocalWorkers(2))
    one, two = (list(load_corpus(tmp_path / name)["train"]) for name in ("one", "two"))
    assert one == two


def test_an_interrupted_harvest_reads_finished_sources_no_more(sources, tmp_path, monkeypatch):
    loaded = load_harvest(sources)
    whole = harvest(loaded, tmp_path / "whole")
    read = module._read
    begun = []

    def interrupted(source, name, *rest):
        begun.append(name)
        if name == "long" and begun.count("long") == 1:
            raise KeyboardInterrupt
        return read(source, name, *rest)

    monkeypatch.setattr(module, "_read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        harvest(loaded, tmp_path / "raw")
    assert not (tmp_path / "raw" / "manifest.json").exists()
    assert harvest(loaded, tmp_path / "raw") == whole
    assert begun == ["english", "assamese", "long", "long", "made"]
    assert harvest(loaded, tmp_path / "raw") == whole
    assert len(begun) == 5, "a finished harvest is left as it is"


def test_languages_are_kept_and_balanced(sources, tmp_path):
    text = sources.read_text()
    sources.write_text(text + "languages: {keep: [en, as]}\nbalance: {documents: 20, temperature: .inf}\n")
    manifest = harvest(load_harvest(sources), tmp_path / "a")
    assert {name: row["documents"] for name, row in manifest["languages"].items()} == {"as": 8, "en": 12}
    sources.write_text(text + "languages: {keep: [en]}\nbalance: {quotas: {en: 7}}\n")
    manifest = harvest(load_harvest(sources), tmp_path / "b")
    assert {name: row["documents"] for name, row in manifest["languages"].items()} == {"en": 7}
    assert manifest["sources"]["assamese"]["rejected"] == {"language": 8}


def test_another_harvest_is_not_overwritten(sources, tmp_path):
    harvest(load_harvest(sources), tmp_path / "raw")
    sources.write_text(sources.read_text() + "seed: 5\n")
    with pytest.raises(DataError, match="holds another harvest"):
        harvest(load_harvest(sources), tmp_path / "raw")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sources: {a: {fils: x}}", "sources.a: a source says where its text comes from. Did you mean 'files'"),
        ("sources: {a: x}", "sources.a: a source says where its text comes from"),
        ("sources: {a: {files: x, unt: line}}", "sources.a: unknown key 'unt'. Did you mean 'unit'"),
        ("sources: {../a: {files: x}}", "a source's name has letters"),
        ("sources: {}", "sources: Dictionary should have at least 1 item"),
        ("sources: {a: {files: x}}\nbalance: {documents: 3, quotas: {en: 1}}", "exclude each other"),
        ("sources: {a: {wikipedia: [as], contact: me@example.org, url: ftp://x}}", "a URL begins with http"),
        ("sources: {a: {wikipedia: [as]}}", "contact: Field required"),
        ("sources: {a: {files: /no/such/*.md}}", "no such file"),
        ("sources: {a: {synthetic: [log], documents: 3}}\nlanguages: {keep: [as]}", "nothing is left.*3 language"),
    ],
)
def test_faulty_files(write, tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        harvest(load_harvest(write("sources.yaml", content)), tmp_path / "raw")
