import json
import random

import pytest
import yaml

from onoma.annotation.assemble import assemble, load_assembly
from onoma.corpus import load_corpus, save_corpus
from onoma.document import Document, Span
from onoma.errors import DataError

WORDS = [f"word{number}" for number in range(400)]


def sentence(number, label="PER", language="en", **fields):
    draw = random.Random(number)
    text = f"Name{number} " + " ".join(draw.sample(WORDS, 14))
    spans = (Span(0, len(f"Name{number}"), label),) if label else ()
    return Document(text, spans, id=str(number), language=language, **fields)


@pytest.fixture
def assembly(write, tmp_path):
    def make(parts, **content):
        named = {}
        for name, (documents, more) in parts.items():
            save_corpus({"train": documents}, tmp_path / f"{name}.jsonl")
            named[name] = {"source": str(tmp_path / f"{name}.jsonl"), **more}
        return load_assembly(write("assembly.yaml", yaml.safe_dump({"parts": named} | content)))

    return make


def test_parts_become_a_clean_corpus(assembly, tmp_path):
    first = [sentence(number, ("PER", "LOC", None)[number % 3]) for number in range(200)]
    other = [
        first[0],  # the same again
        first[1].with_spans([Span(0, 5, "ORG")]),  # the same with other labels
        Document("Ann Bob Eve", tuple(Span(s, s + 3, "PER") for s in (0, 4, 8)), id="dense"),
        sentence(500, meta={"mentions": {"exact": 1, "unmatched": 2}}),
        Document(" ", id="empty"),
        sentence(501, language="de"),
        sentence(7).with_spans([]),
    ]
    held_out = [Document(f"{first[5].text} indeed")]
    save_corpus({"test": held_out}, tmp_path / "test.jsonl")
    near = [Document(f"{first[row].text} more", first[row].spans, id=f"near{row}") for row in range(20, 60)]
    file = assembly(
        {"llm": (first, {"licence": "MIT"}), "other": (other + near, {})},
        leakage=[str(tmp_path / "test.jsonl")],
        gold=str(tmp_path / "llm.jsonl"),
        review={"sample": 10},
    )
    manifest = assemble(file, tmp_path / "made", cost={"cost": 1.5})
    assert manifest["parts"]["llm"]["rejected"] == {"contradictory": 2, "leaks": 1}
    assert manifest["parts"]["other"]["rejected"] == {
        "density": 1,
        "unmatched": 1,
        "empty": 1,
        "contradictory": 2,
        "duplicate": 1,
    }
    corpus = load_corpus(tmp_path / "made")
    assert {name: len(split) for name, split in corpus.items()} == pytest.approx(
        {"train": 190, "validation": 24, "test": 24}, abs=3
    )
    assert {name: manifest["splits"][name]["documents"] for name in corpus} == {
        name: len(split) for name, split in corpus.items()
    }
    where = {document.id: name for name, split in corpus.items() for document in split}
    assert all(where[f"llm/{row}"] == where[f"other/near{row}"] for row in range(20, 60))
    assert manifest["near_duplicate_groups"] == 40
    assert manifest["agreement"]["gold"]["f1"] == 1.0
    assert [document for split in load_corpus(tmp_path / "made" / "jsonl").values() for document in split] == [
        document for split in corpus.values() for document in split
    ]
    pairs = [json.loads(line) for line in (tmp_path / "made" / "pairs" / "test.jsonl").read_text().splitlines()]
    assert [pair["input"] for pair in pairs] == [document.text for document in corpus["test"]]
    assert all(isinstance(json.loads(pair["output"]), dict) for pair in pairs)
    assert len(load_corpus(tmp_path / "made" / "review" / "sample.jsonl")["train"]) == 10
    card = (tmp_path / "made" / "README.md").read_text()
    assert "| llm | " in card
    assert "MIT" in card
    assert "| other | 2 | the same text with different labels |" in card
    assert yaml.safe_load(card.split("---")[1])["configs"][0]["data_files"][0]["path"] == "train.parquet"


def test_the_seed_decides(assembly, tmp_path):
    documents = [sentence(number) for number in range(60)]
    file = assembly({"a": (documents, {})}, balance={"documents": 30})
    one, two = (assemble(file, tmp_path / name) for name in ("one", "two"))
    assert one == two
    assert (tmp_path / "one" / "train.parquet").read_bytes() == (tmp_path / "two" / "train.parquet").read_bytes()
    other = assemble(file.model_copy(update={"seed": 5}), tmp_path / "three")
    assert other["splits"].keys() == one["splits"].keys()
    assert (tmp_path / "one" / "train.parquet").read_bytes() != (tmp_path / "three" / "train.parquet").read_bytes()


def test_languages_labels_and_empty_documents_are_limited(assembly, tmp_path):
    documents = [
        sentence(number, ("PER", "LOC", None, None)[number % 4], language=("as", "en", "en")[number % 3])
        for number in range(240)
    ]
    file = assembly(
        {"a": (documents, {})},
        balance={"quotas": {"en": 80}},
        labels={"most": {"PER": 20}, "empty": 0.5},
        splits={"train": 0.5, "test": 0.5},
    )
    manifest = assemble(file, tmp_path / "made")
    total = {name: sum(row["labels"].get(name, 0) for row in manifest["splits"].values()) for name in ("PER", "LOC")}
    assert total["PER"] == 20 < total["LOC"]
    languages = [row["languages"] for row in manifest["splits"].values()]
    assert sum(row["en"] for row in languages) <= 80
    empty = sum(row["documents"] - row["with_entities"] for row in manifest["splits"].values())
    assert 20 < empty <= 40
    assert (
        sum(manifest["parts"]["a"]["rejected"].values()) + sum(row["documents"] for row in manifest["splits"].values())
        == 240
    )


def test_labels_are_mapped_and_other_languages_go(assembly, tmp_path, write):
    english = "The bridge over the old river was closed on Monday because of the heavy rain."
    documents = [
        Document(f"{english} {name}", (Span(4, 10, "Thing"),), language=language, id=name)
        for name, language in (("Ann", "en"), ("Bob", "hi"))
    ]
    labels = write("labels.yaml", "map: {OBJECT: [Thing]}")
    file = assembly({"a": (documents, {"labels": str(labels)})}, filters={"language": 0.6}, splits={"train": 1.0})
    manifest = assemble(file, tmp_path / "made")
    assert manifest["splits"]["train"]["labels"] == {"OBJECT": 1}
    assert manifest["parts"]["a"]["rejected"] == {"language": 1}


def test_a_review_is_folded_in(assembly, tmp_path):
    documents = [sentence(number) for number in range(20)]
    corrected = [document if number % 2 else document.with_spans([]) for number, document in enumerate(documents[:10])]
    save_corpus({"train": corrected}, tmp_path / "review.jsonl")
    file = assembly({"a": (documents, {})}, review={"done": str(tmp_path / "review.jsonl")})
    found = assemble(file, tmp_path / "made")["agreement"]["review"]
    assert (found["documents"], round(found["f1"], 3)) == (10, 0.667)
    assert "| review | 10 | 0.667 [" in (tmp_path / "made" / "README.md").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"splits": {"train": 0.5}}, "shares are above 0 and add up to 1"),
        ({"filter": {}}, "unknown key 'filter'. Did you mean 'filters'"),
        ({"leakage": ["gone.jsonl"]}, "gone.jsonl: no such file"),
        ({"filters": {"density": 0.0}}, "nothing is left. Left out: 3 density"),
    ],
)
def test_faults_are_told(assembly, tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        assemble(assembly({"a": ([sentence(number) for number in range(3)], {})}, **content), tmp_path / "made")
    (tmp_path / "made").mkdir()
    with pytest.raises(DataError, match="holds no corpus of ours"):
        assemble(assembly({"a": ([sentence(1)], {})}), tmp_path / "made")
