import pytest
from rich.console import Console

from onoma.corpus import Corpus
from onoma.document import Document, Span, from_words
from onoma.errors import DataError, RecipeError
from onoma.training.data import label_set, load_corpora, stage_data
from onoma.training.recipe import parse_recipe


def corpus(**splits):
    return Corpus.from_documents(splits)


def named(text, label="LOC"):
    return Document(text, (Span(0, len(text.split()[0]), label),))


def recipe(stage, **changes):
    content = {
        "name": "x",
        "base": "b",
        "data": {"source": "{corpus}", "corpora": {"a": {}, "b": {}}},
        "stages": [{"name": "s", "train": ["a"]} | stage],
    }
    return parse_recipe(content | changes)


def texts(documents):
    return [document.text for document in documents]


def test_labels_come_from_training_data_or_the_recipe():
    corpora = {"a": corpus(train=[named("Rome", "LOC"), named("UN", "ORG")], test=[named("Ann", "PER")])}
    assert label_set(recipe({}), corpora) == ("LOC", "ORG")
    assert label_set(recipe({}, labels=["ORG"]), corpora) == ("ORG",)
    with pytest.raises(RecipeError, match=r"labels: no training corpus has the label 'LCO'. Did you mean 'LOC'"):
        label_set(recipe({}, labels=["LCO"]), corpora)
    with pytest.raises(RecipeError, match="no training corpus has a labelled span"):
        label_set(recipe({}), {"a": corpus(train=[Document("Rome")])})


def test_only_the_runs_labels_are_learned():
    corpora = {"a": corpus(train=[Document("Rome UN", (Span(0, 4, "LOC"), Span(5, 7, "ORG")))])}
    data = stage_data(recipe({}), recipe({}).stages[0], corpora, ("ORG",))
    assert [span.label for span in data.training_documents[0].spans] == ["ORG"]


def test_deduplication_also_keeps_validation_and_tests_out_of_training():
    corpora = {
        "a": corpus(
            train=[named("Rome"), named("Rome"), named("Oslo"), named("Lima"), named("Bonn")],
            test=[from_words(["Oslo"])],
        ),
        "b": corpus(train=[named("Bonn"), named("Kiel")], validation=[named("Lima")]),
    }
    wanted = recipe({"train": ["a", "b"], "validation": ["b"], "deduplicate": True}, evaluate=["a"])
    data = stage_data(wanted, wanted.stages[0], corpora, ("LOC",))
    assert [texts(part) for part in data.train] == [["Rome", "Bonn"], ["Kiel"]]
    assert data.repeats == 4
    assert texts(data.validation) == ["Lima"]
    wanted = recipe({"train": ["a", "b"], "deduplicate": ["b"]}, evaluate=["a"])
    data = stage_data(wanted, wanted.stages[0], corpora, ("LOC",))
    assert [texts(part) for part in data.train] == [["Rome", "Rome", "Oslo", "Lima", "Bonn"], ["Bonn", "Kiel"]]


def test_what_is_scored_is_held_out_whichever_split_it_is():
    corpora = {
        "a": corpus(
            train=[named("Rome"), named("Oslo"), named("Lima")], validation=[named("Oslo")], test=[named("Lima")]
        )
    }
    wanted = recipe({"deduplicate": True}, evaluate=["a"], score_on="validation")
    assert texts(stage_data(wanted, wanted.stages[0], corpora, ("LOC",)).training_documents) == ["Rome"]


def test_limits_are_drawn_by_seed():
    corpora = {"a": corpus(train=[named(f"Rome{number}") for number in range(50)])}
    chosen = []
    for seed in (1, 1, 2):
        wanted = recipe({"train": [{"corpus": "a", "limit": 5}]}, seed=seed)
        chosen.append(texts(stage_data(wanted, wanted.stages[0], corpora, ("LOC",)).training_documents))
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(set(chosen[0])) == 5


def test_neighbours_are_read_together_and_what_was_seen_is_known_by_sentence():
    train = [named("Rome fell"), named("Oslo rose"), named("Lima grew"), named("UN met", "ORG")]
    corpora = {"a": corpus(train=train, validation=[named("Bonn"), named("Kiel")])}
    data = {"source": "{corpus}", "corpora": {"a": {"join": 4}}}
    wanted = recipe({"validation": ["a"]}, data=data)
    found = stage_data(wanted, wanted.stages[0], corpora, ("LOC",))
    assert texts(found.training_documents) == ["Rome fell\nOslo rose", "Lima grew\nUN met"]
    assert [[span.start for span in document.spans] for document in found.training_documents] == [[0, 10], [0]]
    assert texts(found.validation) == ["Bonn\nKiel"]
    assert found.sentences == {"Rome fell", "Oslo rose", "Lima grew", "UN met"}
    half = recipe({"train": [{"corpus": "a", "limit": 1}]}, data=data)
    found = stage_data(half, half.stages[0], corpora, ("LOC",))
    assert len(found.training_documents) == 1
    assert len(found.sentences) == 2


def test_nothing_left_to_train_on_is_an_error():
    corpora = {"a": corpus(train=[Document("  \n")])}
    with pytest.raises(RecipeError, match=r"stage s: no sentence of the corpus 'a' \(train\) is left"):
        stage_data(recipe({}), recipe({}).stages[0], corpora, ("LOC",))


def test_only_named_corpora_are_read_and_bad_rows_are_told(write, tmp_path):
    write("a.jsonl", '{"text": "Rome", "spans": [[0, 4, "LOC"]]}\n{"text": 3}\n')
    wanted = recipe(
        {}, data={"source": str(tmp_path / "{corpus}.jsonl"), "corpora": {"a": {}, "b": {}}, "on_error": "skip"}
    )
    console = Console(record=True, width=200)
    assert list(load_corpora(wanted, console).by_name) == ["a"]
    told = console.export_text()
    assert "corpus a: train 1" in told
    assert "1 bad rows skipped, the first:" in told
    assert "a.jsonl:2" in told


def test_short_sentences_can_be_left_out(write, tmp_path):
    write("a.conll", "Rome B-LOC\n\nRome B-LOC\nfell O\n")
    data = {"source": str(tmp_path / "{corpus}.conll"), "corpora": {"a": {"min_words": 2}}}
    corpora = load_corpora(recipe({}, data=data), Console(quiet=True)).by_name
    assert texts(corpora["a"]["train"]) == ["Rome fell"]


@pytest.mark.parametrize(
    ("changes", "split"),
    [
        ({}, "train"),
        ({"train": [{"corpus": "a", "split": "raw"}], "validation": ["a"]}, "validation"),
        ({"train": [{"corpus": "a", "split": "raw", "labels_from": "names:a"}]}, "train"),
    ],
)
def test_a_split_that_is_not_there_is_named_before_anything_is_trained(write, tmp_path, changes, split):
    write("a/raw.conll", "Rome B-LOC\n")
    wanted = recipe(changes, data={"source": str(tmp_path / "{corpus}"), "corpora": {"a": {}}})
    with pytest.raises(DataError, match=f"a: the corpus 'a' has no split '{split}'. It has: raw. A stage says which"):
        load_corpora(wanted, Console(quiet=True))


def test_copies_get_other_names_but_never_make_a_held_out_sentence():
    corpora = {
        "a": corpus(train=[named("Rome fell"), named("Oslo rose")], test=[from_words(["Bonn", "fell"])]),
        "b": corpus(train=[named("Bonn"), named("Kiel"), named("UN", "ORG")]),
    }
    wanted = recipe({"train": [{"corpus": "a", "copies": 20, "names": ["b"]}]}, evaluate=["a"])
    (part,) = stage_data(wanted, wanted.stages[0], corpora, ("LOC",)).train
    assert texts(part[:2]) == ["Rome fell", "Oslo rose"]
    assert set(texts(part[2:])) == {"Kiel fell", "Bonn rose", "Kiel rose"}
    assert len(part) < 42
    assert all(document.surface(document.spans[0]) == document.text.split()[0] for document in part)
    own = recipe({"train": [{"corpus": "a", "copies": 20}]})
    assert "Oslo fell" in texts(stage_data(own, own.stages[0], corpora, ("LOC",)).training_documents)


def test_labels_are_mapped_on_reading(write, tmp_path):
    write("a.conll", "Linux B-OS_Name\n5 B-Number\n")
    write("labels.yaml", "map: {OS: OS_Name}\ndrop: [Number]\n")
    data = {"source": str(tmp_path / "{corpus}.conll"), "corpora": {"a": {"labels": str(tmp_path / "labels.yaml")}}}
    console = Console(record=True, width=200)
    loaded = load_corpora(recipe({}, data=data), console)
    assert loaded.by_name["a"].labels == ("OS",)
    assert loaded.relabelled["a"]["after"] == {"train": {"OS": 1}}
    assert "train: 2 entities with 2 labels, now OS 1" in console.export_text()


def test_oversampling_is_counted():
    corpora = {"a": corpus(train=[named("Rome"), named("Oslo"), named("Ann", "PER"), Document("none")])}
    wanted = recipe({"train": [{"corpus": "a", "oversample": {"factor": 2, "boost": 1}}]})
    data = stage_data(wanted, wanted.stages[0], corpora, ("LOC", "PER"))
    assert texts(data.training_documents) == ["Rome", "Rome", "Oslo", "Oslo", "Ann", "Ann", "Ann", "none"]
    assert data.oversampled["a"]["before"]["labels"] == {"LOC": 2, "PER": 1}
    assert data.oversampled["a"]["after"]["documents"] == 8
