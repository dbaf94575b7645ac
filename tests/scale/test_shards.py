import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onoma.corpus.formats import jsonl, parquet
from onoma.corpus.reading import ReadLog
from onoma.document import Document, Span
from onoma.errors import DataError
from onoma.scale.shards import cut, read_shard

LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=12), max_size=30)


def documents_of(path, size):
    return [document for shard in cut([path], size) for document in read_shard(shard)]


@given(lines=LINES, size=st.integers(1, 80), newline=st.sampled_from(["\n", "\r\n"]), last=st.booleans())
def test_shards_of_a_text_file_hold_each_line_once(tmp_path_factory, lines, size, newline, last):
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_bytes((newline.join(lines) + (newline if last else "")).encode())
    expected = [line for line in lines if line.strip()]
    if expected and expected[0].startswith("\ufeff"):
        return  # a mark of byte order, which is no text
    assert [document.text for document in documents_of(path, size)] == expected


@given(count=st.integers(0, 40), size=st.integers(1, 3_000), group=st.integers(1, 15))
def test_shards_of_a_parquet_file_hold_each_row_once(tmp_path_factory, count, size, group):
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("rows")
    documents = [Document(f"row {number}", id=str(number)) for number in range(count)]
    parquet.write(documents, folder / "whole.parquet")
    pq.write_table(pq.read_table(folder / "whole.parquet"), folder / "a.parquet", row_group_size=group)
    shards = cut([folder / "a.parquet"], size)
    assert [document.id for shard in shards for document in read_shard(shard)] == [one.id for one in documents]
    assert all(shard.begin < shard.end for shard in shards)


def test_documents_of_json_lines_keep_all_they_have(tmp_path):
    documents = [Document("Ann লিখে", [Span(0, 3, "PER", 0.5)], id="1", language="as", meta={"a": 1}), Document("x")]
    jsonl.write(documents, tmp_path / "a.jsonl")
    for size in (1, 1_000):
        assert documents_of(tmp_path / "a.jsonl", size) == documents


def test_a_folder_is_cut_file_by_file_in_order(tmp_path):
    for name in ("b.txt", "a.jsonl"):
        (tmp_path / name).write_text("one\ntwo\n" if name == "b.txt" else '{"text": "zero"}\n')
    (tmp_path / "notes.md").write_text("not text to read")
    shards = cut([tmp_path], 4)
    assert [(shard.number, shard.path.name) for shard in shards] == [(0, "a.jsonl"), (1, "b.txt"), (2, "b.txt")]
    assert [document.text for shard in shards for document in read_shard(shard)] == ["zero", "one", "two"]


def test_shards_of_like_size(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("0123456789\n" * 10_000)
    shards = cut([path], 20_000)
    assert len(shards) == 6
    parquet.write(list(jsonl_documents(500)), tmp_path / "a.parquet")
    counts = {shard.end - shard.begin for shard in cut([tmp_path / "a.parquet"], 3_000)}
    assert max(counts) - min(counts) <= max(counts) // 2


def jsonl_documents(count):
    return (Document(f"text number {number}") for number in range(count))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"good\nbad \xff\n", "a.txt: not UTF-8 .byte 10.. Save it as UTF-8"),
        ("a.jsonl", b'{"text": "x"}\n{"text": \n', "a.jsonl: byte 14: not JSON"),
        ("a.jsonl", b"[1]\n", "a.jsonl: byte 0: not a JSON object"),
        ("a.parquet", b"PAR1", "a.parquet: not a Parquet file"),
        ("a.md", b"x", "a.md: holds no text that can be cut. Known: .parquet, .jsonl"),
    ],
)
def test_bad_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        documents_of(tmp_path / name, 1_000)


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such file or folder"):
        cut([tmp_path / "nowhere"])


def test_rows_with_tags_are_read_as_elsewhere(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"tokens": ["Ann", "sings"], "ner_tags": ["B-PER", "O"]}) + "\n")
    assert documents_of(path, 1_000) == list(jsonl.read(path, ReadLog(), {}))
