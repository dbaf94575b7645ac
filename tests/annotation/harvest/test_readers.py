import json

import datasets
import pytest

from onoma.annotation.harvest.readers import read_dataset, read_files
from onoma.annotation.harvest.sources import Dataset, Files
from onoma.corpus.reading import ReadLog
from onoma.errors import DataError


def read(source, log=None):
    reader = read_files if isinstance(source, Files) else read_dataset
    return list(reader(source, log or ReadLog()))


def test_text_files_by_document_paragraph_and_line(write):
    path = write("a.txt", "\ufeffone\ntwo\n\n\n  \nthree\nfour\n")
    found = {
        unit: [
            (raw.document.text, raw.document.id.rpartition(":")[2]) for raw in read(Files(files=str(path), unit=unit))
        ]
        for unit in ("paragraph", "line")
    }
    assert found["paragraph"] == [("one\ntwo", "1"), ("three\nfour", "6")]
    assert found["line"] == [("one", "1"), ("two", "2"), ("three", "6"), ("four", "7")]
    whole = read(Files(files=str(path)))
    assert [raw.document.text for raw in whole] == ["one\ntwo\n\n\n  \nthree\nfour\n"]


def test_folders_have_markup_and_tables(write, tmp_path):
    write("in/b.md", "# B")
    write("in/a.html", "<p>A")
    write("in/sub/c.csv", 'lang,text\nas,"c, 1"\n,c 2\n')
    write("in/d.jsonl", json.dumps({"text": "d", "id": "x"}))
    write("in/e.png", "no text")
    found = read(Files(files=str(tmp_path / "in"), language="en", language_column="lang"), ReadLog(on_error="skip"))
    said = [(raw.document.text, raw.markup, raw.document.language) for raw in found]
    assert said == [
        ("<p>A", "html", "en"),
        ("# B", "markdown", "en"),
        ("c, 1", "plain", "as"),
        ("c 2", "plain", "en"),
    ]


def test_columns_are_named(write):
    path = write("a.tsv", "body\tn\nhello\t1\n")
    assert [raw.document.text for raw in read(Files(files=str(path), column="body"))] == ["hello"]
    with pytest.raises(DataError, match="no field 'text'. The row has: body, n"):
        read(Files(files=str(path)))


def test_bad_files_are_counted_or_named(tmp_path, write):
    (tmp_path / "bad.txt").write_bytes(b"good\n\nbad \xff\n")
    log = ReadLog(on_error="skip")
    assert [raw.document.text for raw in read(Files(files=str(tmp_path / "bad.txt"), unit="paragraph"), log)] == [
        "good"
    ]
    assert read(Files(files=str(tmp_path / "bad.txt")), log) == []
    assert log.skipped == 2
    assert "not UTF-8" in log.messages[0]
    with pytest.raises(DataError, match="no such file"):
        read(Files(files=str(tmp_path / "*.md")))
    with pytest.raises(DataError, match="tells no kind of text"):
        read(Files(files=str(write("a.docx", "x"))))
    write("broken.csv", 'text\n"open\n')
    with pytest.raises(DataError, match=r"broken.csv:.*not a table"):
        read(Files(files=str(tmp_path / "broken.csv")))


def test_a_paragraph_without_end_is_cut_at_a_line(write, monkeypatch):
    monkeypatch.setattr("onoma.annotation.harvest.readers._PARAGRAPH", 10)
    path = write("a.txt", "12345678\n12345678\n12345678\n")
    found = read(Files(files=str(path), unit="paragraph"))
    assert [raw.document.text for raw in found] == ["12345678\n12345678", "12345678"]


def test_a_saved_dataset(tmp_path):
    rows = {"id": ["1", "2", "3"], "title": ["a", "b", "c"], "text": ["A.", "B.", "C."]}
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows)}).save_to_disk(str(tmp_path / "wiki"))
    found = read(Dataset(dataset=str(tmp_path / "wiki"), limit=2, language="as"))
    assert [(raw.document.id, raw.document.text, raw.document.language) for raw in found] == [
        ("1", "A.", "as"),
        ("2", "B.", "as"),
    ]
    with pytest.raises(DataError, match="no split 'tset'"):
        read(Dataset(dataset=str(tmp_path / "wiki"), split="tset"))
    with pytest.raises(DataError, match="no saved dataset"):
        read(Dataset(dataset=str(tmp_path)))
