"""Every format, read and written: what it says it carries comes back exactly."""

import dataclasses
import json
import tempfile
from pathlib import Path

import pytest
from conftest import documents
from hypothesis import given, settings
from hypothesis import strategies as st

from onoma.corpus import Corpus, ReadLog, load_corpus, save_corpus
from onoma.corpus.formats import FORMATS, find_format, format_of_file
from onoma.corpus.reading import losses
from onoma.document import Document, Span
from onoma.errors import DataError

HINDI = Document("[दिल्ली] 😀 दूर है।", (Span(1, 7, "LOC", 0.5),), id="a/b", language="hi", meta={"k": 1})


def seen_as(document: Document, name: str) -> Document:
    """What a format may keep of a document."""
    carries = FORMATS[name].carries
    return dataclasses.replace(
        document,
        spans=document.spans if "scores" in carries else tuple(Span(s.start, s.end, s.label) for s in document.spans),
        tokens=document.tokens if "tokens" in carries else None,
        id=document.id if "ids" in carries else "",
        language=document.language if "languages" in carries else "",
        meta=document.meta if "meta" in carries else {},
    )


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(max_examples=25)
@given(batch=st.lists(documents(on_words=True).filter(lambda document: document.words()), min_size=1, max_size=4))
def test_round_trip(name, batch):
    kind = FORMATS[name]
    if "spacing" not in kind.carries:
        # Such a format keeps words: documents come back with single spaces between them.
        batch = [_respaced(document) for document in batch]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"train{kind.suffixes[0] if kind.suffixes else ''}"
        kind.write(iter(batch), path)
        again = list(kind.read(path, ReadLog(), {}))
    for document, back in zip(batch, again, strict=True):
        assert back.text == document.text
        assert back.spans == document.spans
        assert [back.surface(span) for span in back.spans] == [document.surface(span) for span in document.spans]
        if "tokens" in kind.carries and document.tokens is not None:
            assert back.tokens == document.tokens


def _respaced(document: Document) -> Document:
    from onoma.tagging import document_from_tags, spans_to_words, write_tags

    words = [word.replace("\t", " ").replace("\n", " ").replace("\r", " ") for word in document.word_texts()]
    return document_from_tags(words, write_tags(spans_to_words(document).spans, len(words)))[0]


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"conll", "dataset"}))
def test_fields_survive_as_far_as_the_format_says(name, tmp_path):
    kind = FORMATS[name]
    path = tmp_path / f"train{kind.suffixes[0] if kind.suffixes else ''}"
    kind.write([HINDI], path)
    (back,) = kind.read(path, ReadLog(), {})
    expected = seen_as(HINDI, name)
    if name == "brat":
        expected = dataclasses.replace(expected, id="a_b")
    if name == "docbin":
        # A Doc is made of words; whose they are it does not say.
        back = dataclasses.replace(back, tokens=None)
    assert back.to_dict() == expected.to_dict()


def test_losses_are_counted(tmp_path):
    overlapping = Document("New York City", (Span(0, 8, "LOC"), Span(4, 13, "ORG")), ((0, 3), (4, 8), (9, 13)))
    lost = save_corpus({"train": [overlapping, HINDI, Document("  a")]}, tmp_path / "train.conll")
    assert lost == {
        "overlapping spans": 1,
        "texts' own spacing": 2,
        "scores": 1,
        "ids": 1,
        "languages": 1,
        "meta": 1,
    }
    inside = Document("অসমৰ !", (Span(0, 3, "LOC"), Span(4, 5, "X")))
    assert list(losses(inside, frozenset())) == ["spans without a word", "spans widened to whole words"]
    assert list(losses(inside, FORMATS["jsonl"].carries)) == []


@pytest.mark.parametrize("source", sorted(FORMATS))
@pytest.mark.parametrize("target", sorted(FORMATS))
def test_convert_between_any_two(source, target, tmp_path):
    examples = load_corpus("examples:as")
    save_corpus({"train": examples["validation"], "test": examples["test"]}, tmp_path / "a", format=source)
    middle = load_corpus(tmp_path / "a", format=source)
    save_corpus(middle, tmp_path / "b", format=target)
    back = load_corpus(tmp_path / "b", format=target)
    assert list(back) == ["train", "test"]
    for split in back:
        surfaces = [[(d.surface(s), s.label) for s in d.spans] for d in middle[split]]
        assert [[(d.surface(s), s.label) for s in d.spans] for d in back[split]] == surfaces


# CoNLL columns


def conll(write, text, options=None, log=None):
    return list(find_format("conll").read(write("a.conll", text), log or ReadLog(), options or {}))


def test_conll_columns_comments_docstart_and_schemes(write):
    text = (
        "\ufeff-DOCSTART- -X- O O\r\n\r\n"
        "# sent_id = 1\r\nEU NNP I-NP I-ORG\r\nrejects VBZ I-VP O\r\n\r\n"
        "# O O O\n\n\nPeter NNP I-NP I-PER\nParis NNP I-NP B-PER"
    )
    found = conll(write, text)
    assert [document.text for document in found] == ["EU rejects", "#", "Peter Paris"]
    # IOB1: B- parts neighbours.
    assert [span.label for span in found[2].spans] == ["PER", "PER"]


def test_conll_other_columns(write):
    found = conll(write, "1\tNew York\tB-LOC\t_\n2\tis\tO\t_\n", {"word_column": "1", "tag_column": "2"})
    assert found[0].word_texts() == ["New York", "is"]
    assert found[0].surface(found[0].spans[0]) == "New York"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, r"a\.conll: the file is empty"),
        ("Rome B-LOC\nBonn X-LOC\n", {}, r"a\.conll:2: unknown tag 'X-LOC'"),
        ("Rome\n", {}, r"a\.conll:1: no column"),
        ("Rome B-LOC\n", {"tag_column": "4"}, r"no column 4 among 2.*--option word_column"),
        ("A S-X\n\nB U-X\n", {}, "mix BIOES and BILOU"),
        ("Rome B-LOC\n\nA S-X\n", {"scheme": "IOB2"}, r"a\.conll:3: tag 'S-X' does not belong to the scheme IOB2"),
    ],
)
def test_conll_errors_name_the_line(write, text, options, message):
    with pytest.raises(DataError, match=message):
        conll(write, text, options)


def test_bad_rows_can_be_skipped_with_a_count(write):
    log = ReadLog(on_error="skip")
    found = conll(write, "Rome B-LOC\n\nBonn X-LOC\n\nOslo I-LOC\n", log=log)
    assert [document.text for document in found] == ["Rome", "Oslo"]
    assert log.skipped == 1
    assert "a.conll:3" in log.messages[0]
    assert log.mended == {"tags that break IOB2": 1}


def test_conll_not_utf8(tmp_path):
    path = tmp_path / "a.conll"
    path.write_bytes(b"Rome B-LOC\nM\xfcnchen B-LOC\n")
    with pytest.raises(DataError, match=r"a\.conll:2: not UTF-8 \(byte 2 of the line\)"):
        list(find_format("conll").read(path, ReadLog(), {}))


# JSON Lines and rows


def jsonl(write, *rows, options=None, log=None, name="a.jsonl"):
    text = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    path = write(name, text)
    return list(format_of_file(path).read(path, log or ReadLog(), options or {}))


def test_rows_of_words_and_tags_by_any_usual_name(write):
    for fields in (("tokens", "tags"), ("words", "labels"), ("tokens", "ner_tags")):
        (found,) = jsonl(write, {fields[0]: ["New", "York"], fields[1]: ["B-LOC", "I-LOC"], "lang": "en"})
        assert found.spans == (Span(0, 8, "LOC"),)
        assert found.language == "en"
    (told,) = jsonl(write, {"w": ["Rome"], "t": ["B-LOC"]}, options={"words": "w", "tags": "t"})
    assert told.spans == (Span(0, 4, "LOC"),)


def test_numbered_tags_need_names(write):
    row = {"tokens": ["Rome", "is"], "ner_tags": [1, 0]}
    (found,) = jsonl(write, row, options={"tag_names": "O,B-LOC"})
    assert found.spans == (Span(0, 4, "LOC"),)
    with pytest.raises(DataError, match=r"a\.jsonl:1: the tags are numbers and nothing names them"):
        jsonl(write, row)
    with pytest.raises(DataError, match="tag number 1 has no name"):
        jsonl(write, row, options={"tag_names": "O"})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{not json\n", r"a\.jsonl:1: not JSON"),
        ("[1]\n", "not a JSON object"),
        ({"tokens": ["a"], "tags": ["O", "O"]}, "1 words but 2 tags"),
        ({"tokens": ["a", ""], "tags": ["O", "O"]}, "word 2 is empty"),
        ({"x": 1}, r"no words and tags, and no text, among the fields 'x'.*--option"),
        ({"text": 5}, "field 'text' is not text"),
        ({"text": "Rome", "spans": [{"start": 0, "end": 9, "label": "LOC"}]}, "ends outside a text of 4"),
        ({"text": "Rome", "spans": [{"start": "0", "end": 4, "label": "LOC"}]}, "not a span"),
        ({"text": "Rome", "spans": [7]}, "not a span: 7"),
        ({"text": "Rome", "spans": 4}, "field 'spans' is no list: 4"),
        ({"text": "Rome", "spans": [], "tokens": 3}, "field 'tokens' is no list: 3"),
        ({"text": "Rome", "spans": [], "tokens": [[0]]}, r"not a token: \[0\]"),
        ({"text": "Rome", "spans": [], "tokens": {"a": 1}}, "field 'tokens' is no list"),
        ({"text": "Rome", "spans": [], "meta": "{"}, "not JSON"),
        ({"text": "Rome", "spans": [], "meta": [1]}, r"field 'meta' is no table: \[1\]"),
        ({"tokens": ["a"], "tags": 3}, "field 'tags' is no list: 3"),
        ('{"text": ' + 5000 * "9" + "}\n", "JSON that cannot be read"),
        ('{"text": ' + 100_000 * "[" + "\n", "JSON that cannot be read"),
        ('{"text": "a\\ud800b", "spans": []}\n', r"lone surrogate U\+D800 at character 1"),
    ],
)
def test_bad_rows_are_named(write, row, message):
    with pytest.raises(DataError, match=message):
        jsonl(write, row)


def test_unknown_column_is_named(write):
    with pytest.raises(DataError, match=r"no field 'wrods'.*The row has: tokens, tags"):
        jsonl(write, {"tokens": ["a"], "tags": ["O"]}, options={"words": "wrods"})


def test_nul_and_blank_texts_are_texts(write):
    found = jsonl(write, {"text": "a\x00b", "spans": []}, {"text": "   ", "spans": []})
    assert [document.text for document in found] == ["a\x00b", "   "]


def test_faulty_tag_in_first_pass_is_reported_in_the_second(write):
    log = ReadLog(on_error="skip")
    found = jsonl(
        write,
        {"tokens": ["a"], "tags": [9]},
        {"tokens": ["b"], "tags": ["S-X"]},
        log=log,
    )
    assert [document.text for document in found] == ["b"]
    assert log.skipped == 1


# doccano


def test_doccano_is_known_by_its_rows(write):
    (found,) = jsonl(
        write, {"id": 3, "text": "Rome", "label": [[0, 4, "LOC"]], "relations": [{}]}, log=(log := ReadLog())
    )
    assert (found.id, found.spans) == ("3", (Span(0, 4, "LOC"),))
    assert log.mended == {"doccano relations left out": 1}
    newer = {"text": "Rome", "entities": [{"start_offset": 0, "end_offset": 4, "label": "LOC"}]}
    assert jsonl(write, newer)[0].spans == (Span(0, 4, "LOC"),)
    with pytest.raises(DataError, match=r":2: not a doccano row"):
        jsonl(write, newer, {"text": "Rome", "label": "x"})


# Label Studio


def test_label_studio_counts_utf16_units_or_code_points(write):
    text = "😀 Rome"

    def task(start, end, **value):
        result = {"type": "labels", "value": {"start": start, "end": end, "labels": ["LOC"], **value}}
        return json.dumps([{"data": {"text": text}, "annotations": [{"result": [result]}]}])

    for content in (task(3, 7, text="Rome"), task(2, 6, text="Rome"), task(3, 7)):
        (found,) = find_format("label-studio").read(write("a.json", content), ReadLog(), {})
        assert found.surface(found.spans[0]) == "Rome"
    for content, message in (
        (task(0, 4, text="Rome"), "task 1: the text at 0–4 is not 'Rome'"),
        (task(3, 99), "ends outside the text"),
        (task("3", 7), "not whole numbers"),
        ('{"a": 1}', "not a list of tasks"),
        ("[3]", "not a task"),
        (
            '[{"data": {"text": "a"}, "annotations": [{"result": [{"value": {"labels": ["X"], "start": 0}}]}]}]',
            "task 1: not a",
        ),
        ('[{"data": [], "annotations": 7}]', "task 1: not a task as Label Studio exports it"),
        ('[{"data": {"text": "a"}, "annotations": ["x"]}]', "task 1: not a task as Label Studio exports it"),
        ('[{"data": {"a": "x", "b": "y"}}]', "the task has no text"),
        ("[", "not JSON"),
    ):
        with pytest.raises(DataError, match=message):
            list(find_format("label-studio").read(write("a.json", content), ReadLog(), {}))


def test_label_studio_minimal_export_and_leftovers(write):
    tasks = [
        {"body": "Rome", "label": [{"start": 0, "end": 4, "labels": ["LOC"]}], "id": 4},
        {"data": {"text": "Bonn"}, "annotations": [{"was_cancelled": True}, {"result": []}, {"result": []}]},
        {"data": {"text": "Oslo"}, "predictions": [{"result": [{"type": "choices", "value": {"choices": ["a"]}}]}]},
    ]
    log = ReadLog()
    found = list(find_format("label-studio").read(write("a.json", json.dumps(tasks)), log, {}))
    assert found[0].spans == (Span(0, 4, "LOC"),)
    assert sum(log.mended.values()) == 2


# brat


def test_brat_fragments_relations_and_errors(write, tmp_path):
    write("d/one.txt", "New\nYork in 2020")
    write("d/one.ann", "T1\tLOC 0 3;4 8\tNew York\nR1\tx Arg1:T1 Arg2:T1\nT2\tDATE 12 16\t2020\n")
    write("d/two.txt", "no annotation file")
    log = ReadLog()
    one, two = find_format("brat").read(tmp_path / "d", log, {})
    assert [(span.start, span.end, span.label) for span in one.spans] == [(0, 8, "LOC"), (12, 16, "DATE")]
    assert two.spans == ()
    assert log.mended == {"brat relations, events, attributes and notes left out": 1}
    write("d/one.ann", "T1\tLOC 0 3;12 16\tNew 2020\n")
    assert list(find_format("brat").read(tmp_path / "d", log, {}))[0].spans == (Span(0, 16, "LOC"),)
    for line, message in (("T1\tLOC 0 3\tOld\n", "is 'New', not 'Old'"), ("T1 LOC\n", "not a brat text-bound")):
        write("d/one.ann", line)
        with pytest.raises(DataError, match=rf"one\.ann:1: .*{message}"):
            list(find_format("brat").read(tmp_path / "d", ReadLog(), {}))
    write("d/one.ann", "")
    (tmp_path / "d" / "two.txt").write_bytes(b"\xff")
    with pytest.raises(DataError, match="not UTF-8"):
        list(find_format("brat").read(tmp_path / "d", ReadLog(on_error="stop"), {}))


def test_brat_names_stay_inside_the_folder(tmp_path):
    batch = [Document("a", id="../../evil"), Document("b", id="../../evil"), Document("c")]
    find_format("brat").write(batch, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.txt")) == [
        "document-000003.txt",
        "evil-000002.txt",
        "evil.txt",
    ]
    assert not list(tmp_path.glob("*evil*"))


# binary formats and saved datasets


@pytest.mark.parametrize("name", ["parquet", "docbin"])
def test_corrupt_binary_files_are_named(name, tmp_path):
    kind = FORMATS[name]
    path = tmp_path / f"train{kind.suffixes[0]}"
    path.write_bytes(b"PAR1 but not really")
    with pytest.raises(DataError, match=r"train\.\w+: not a"):
        list(kind.read(path, ReadLog(), {}))


def test_saved_dataset_folders_are_read(tmp_path):
    import datasets

    features = datasets.Features(
        {
            "tokens": datasets.List(datasets.Value("string")),
            "ner_tags": datasets.List(datasets.ClassLabel(names=["O", "B-LOC"])),
        }
    )
    split = datasets.Dataset.from_dict({"tokens": [["Rome", "is"]], "ner_tags": [[1, 0]]}, features=features)
    datasets.DatasetDict({"train": split, "test": split}).save_to_disk(tmp_path / "both")
    split.save_to_disk(tmp_path / "one")
    both, one = load_corpus(tmp_path / "both", language="en"), load_corpus(tmp_path / "one")
    assert list(both) == ["train", "test"]
    assert both["test"][0].spans == one["train"][0].spans == (Span(0, 4, "LOC"),)
    assert both["train"][0].language == "en"
    for file in (tmp_path / "one").glob("*.arrow"):
        file.unlink()
    with pytest.raises(DataError, match="not a whole saved dataset"):
        load_corpus(tmp_path / "one")


def test_hub_addresses(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="not a dataset address"):
        load_corpus("hub:what is this")
    with pytest.raises(DataError, match=r"the dataset 'no-one/nothing' \(as\) cannot be loaded"):
        load_corpus("hub:no-one/nothing:as")
    # `datasets` takes a local folder of the hub's layout under the same call.
    monkeypatch.chdir(tmp_path)
    save_corpus(load_corpus("examples:as"), tmp_path / "owner" / "names", format="dataset")
    found = load_corpus("hub:owner/names")
    assert {split: len(found[split]) for split in found} == {"train": 30, "validation": 16, "test": 40}
    assert found.labels == ("LOC", "ORG", "PER")


def test_dataset_format_is_what_load_dataset_expects(tmp_path):
    import datasets

    save_corpus(load_corpus("examples:as"), tmp_path / "names", format="dataset")
    loaded = datasets.load_dataset(str(tmp_path / "names"), cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].features["ner_tags"].feature.names[0] == "O"


def test_large_corpora_are_mapped_not_held(tmp_path):
    many = (Document(f"text {number}") for number in range(2_500))
    corpus = Corpus.from_documents({"train": many})
    assert len(corpus["train"]) == 2_500
    assert corpus["train"].dataset.cache_files
    assert [document.text for document in corpus["train"]][-1] == corpus["train"][2_499].text == "text 2499"


def test_doccano_relations_that_are_no_list_are_none(write):
    path = write("a.doccano.jsonl", '{"text": "a", "label": [[0, 1, "X"]], "relations": 7}\n')
    (found,) = find_format("doccano").read(path, ReadLog(), {})
    assert len(found.spans) == 1
