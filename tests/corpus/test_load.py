import pytest
from conftest import SHARED, needs_shared

from onoma.corpus import Corpus, ReadLog, load_corpus, save_corpus
from onoma.document import Document, Span
from onoma.errors import DataError


def test_splits_are_found_by_file_name(write, tmp_path):
    for name in ("train.conll", "dev.conll", "test.conll", "gazetteer.conll", "notes.md"):
        write(f"c/{name}", "Rome B-LOC\n")
    assert list(load_corpus(tmp_path / "c")) == ["train", "validation", "test", "gazetteer"]


def test_shards_of_a_split_are_joined(tmp_path):
    for number in range(2):
        save_corpus({"x": [Document(f"Rome {number}")]}, tmp_path / "c" / f"train-0000{number}-of-00002.parquet")
    assert [document.text for document in load_corpus(tmp_path / "c")["train"]] == ["Rome 0", "Rome 1"]


def test_a_single_file_is_train_or_what_its_name_says(write):
    assert list(load_corpus(write("mine.conll", "Rome B-LOC\n"))) == ["train"]
    assert list(load_corpus(write("test.conll", "Rome B-LOC\n"))) == ["test"]


def test_brat_folders_are_splits(tmp_path):
    corpus = {"train": [Document("a")], "test": [Document("b")]}
    save_corpus(corpus, tmp_path / "b", format="brat")
    assert [d.text for d in load_corpus(tmp_path / "b")["test"]] == ["b"]
    assert [d.text for d in load_corpus(tmp_path / "b" / "test")["test"]] == ["b"]


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("nowhere", {}, "no such file or folder"),
        ("examples:xx", {}, "no examples 'xx'"),
        ("examples:as", {"format": "connl"}, "unknown format 'connl'. Did you mean 'conll'"),
        ("examples:as", {"options": {"tag_colum": 1}}, "the format jsonl has no option 'tag_colum'"),
    ],
)
def test_errors(source, options, message):
    with pytest.raises(DataError, match=message):
        load_corpus(source, **options)


def test_more_errors(write, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no file in it has a known format"):
        load_corpus(tmp_path / "empty")
    with pytest.raises(DataError, match="tells no format"):
        load_corpus(write("x.pdf", "?"))
    with pytest.raises(DataError, match="holds no document"):
        load_corpus(write("x.jsonl", "\n\n"))
    with pytest.raises(DataError, match="tells no format"):
        save_corpus({"train": []}, tmp_path / "out.xyz")
    with pytest.raises(DataError, match="2 splits do not go into one file"):
        save_corpus({"train": [], "test": []}, tmp_path / "out.jsonl")
    with pytest.raises(DataError, match="no split 'tset'. Did you mean 'test'"):
        load_corpus("examples:as")["tset"]


def test_corpus_is_a_mapping_of_splits():
    corpus = Corpus.from_documents(
        {
            "train": [Document("Rome", (Span(0, 4, "LOC"),)), Document("x")],
            "test": [Document("Ann", (Span(0, 3, "PER"),))],
        }
    )
    assert len(corpus) == 2
    assert corpus.labels == ("LOC", "PER")
    assert [d.text for d in corpus["train"][0:1]] == ["Rome"]
    assert corpus["train"][-1].text == "x"
    assert corpus["train"].label_counts == {"LOC": 1}
    assert "tset" not in corpus


def test_surrogates_are_refused_with_their_place():
    with pytest.raises(DataError, match=r"lone surrogate U\+D800"):
        Corpus.from_documents({"train": [Document("a\ud800")]})


def test_log_counts_skipped_rows(write):
    log = ReadLog(on_error="skip")
    corpus = load_corpus(write("a.jsonl", '{"text": "Rome"}\n{bad\n'), log=log)
    assert (len(corpus["train"]), log.skipped) == (1, 1)


@pytest.mark.parametrize("name", ["as", "bn", "hi", "en-it"])
def test_examples_are_sound(name):
    from onoma.tagging import spans_to_words

    corpus = load_corpus(f"examples:{name}")
    for split in corpus.values():
        for document in split:
            view = spans_to_words(document)
            assert not view.widened
            assert not view.overlapping
            assert document.text == document.text.strip()


@needs_shared
@pytest.mark.integration
@pytest.mark.parametrize("folder", sorted(path.name for path in SHARED.glob("*") if path.is_dir()))
def test_shared_corpora_are_read_exactly(folder):
    import json

    if folder == "raw_it":
        assert len(load_corpus(SHARED / folder)["unlabeled"]) == 6500
        return
    corpus = load_corpus(SHARED / folder)
    for split, found in corpus.items():
        rows = [json.loads(line) for line in (SHARED / folder / f"{split}.jsonl").read_text("utf-8").splitlines()]
        assert [document.word_texts() for document in found] == [row["tokens"] for row in rows]
        assert found.label_counts.total() == sum(tag[0] == "B" for row in rows for tag in row["tags"])
