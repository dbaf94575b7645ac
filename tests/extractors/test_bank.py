import pytest

import onoma
from onoma.corpus import load_corpus
from onoma.errors import ModelError
from onoma.extractors.bank import BankExtractor
from onoma.models.adapters import ADAPTER_WEIGHTS
from onoma.models.bases import Base
from onoma.training.recipe import parse_recipe
from onoma.training.stages import train


@pytest.fixture(scope="module")
def runs(tiny_recipe, tiny_run, tmp_path_factory):
    """Runs of different label sets, windows and rewritings on one base."""
    folder = tmp_path_factory.mktemp("bank")
    stage = {"name": "one", "train": ["as"], "training": {"epochs": 3, "learning_rate": 0.02}}
    changes = {
        "few": {"labels": ["LOC", "ORG"], "rewrite": ["assamese-as-bengali"]},
        "mean": {"training": {"subword_labels": "all", "class_weights": {"O": 0.1}, "precision": "fp32"}},
    }
    made = {"tiny": tiny_run}
    for name, change in changes.items():
        recipe = tiny_recipe(name=name, stages=[stage], evaluate=[]) | change
        made[name] = train(parse_recipe(recipe), runs=folder).folder
    return made


@pytest.fixture
def base(tiny_base):
    return Base(str(tiny_base), tiny_base)


@pytest.fixture(scope="module")
def texts():
    return [document.text for document in load_corpus("examples:as")["test"]]


def spans(documents):
    return [[(span.start, span.end, span.label) for span in document.spans] for document in documents]


def test_each_text_gets_what_its_own_adapter_gives(base, runs, texts):
    bank = BankExtractor(base, budget=512)
    for name, run in runs.items():
        bank.add(name, run)
    adapters = [list(runs)[number % 3] for number in range(len(texts))]
    found = bank.extract(texts, adapters)
    assert [document.text for document in found] == texts
    alone = {name: onoma.load(run).extract(texts) for name, run in runs.items()}
    assert spans(found) == spans([alone[name][number] for number, name in enumerate(adapters)])
    assert len({str(spans(alone[name])) for name in runs}) == 3, "a mix-up would show"
    one = bank.extractor("few")
    assert one.labels == ("LOC", "ORG")
    assert spans(one.extract(texts)) == spans(alone["few"])
    assert bank.extract([], []) == []


def test_adapters_make_room_for_others(base, runs, texts):
    size = max((run / ADAPTER_WEIGHTS).stat().st_size for run in runs.values())
    bank = BankExtractor(base, memory=2 * size)
    for name, run in runs.items():
        bank.add(name, run)
    assert bank.names == ("tiny", "few", "mean")
    assert bank.resident == ("few", "mean")
    bank.extract(texts[:1], ["few"])
    assert bank.resident == ("mean", "few")
    bank.extract(texts[:1], ["tiny"])
    assert bank.resident == ("few", "tiny")
    everything = BankExtractor(base)
    for name, run in runs.items():
        everything.add(name, run)
    adapters = [list(runs)[number % 3] for number in range(len(texts))]
    assert spans(bank.extract(texts, adapters)) == spans(everything.extract(texts, adapters))
    assert len(bank.resident) <= 2


def test_an_adapter_larger_than_the_bound_still_runs(base, runs, texts):
    bank = BankExtractor(base, memory=1)
    for name, run in runs.items():
        bank.add(name, run)
    bank.extract(texts[:3], ["tiny", "few", "mean"])
    assert bank.resident == ("mean",)


def test_adapters_are_replaced_and_forgotten(base, runs, texts):
    bank = BankExtractor(base)
    bank.add("x", runs["tiny"])
    before = bank.extract(texts, ["x"] * len(texts))
    bank.add("x", runs["few"])
    assert bank.settings("x").labels == ("LOC", "ORG")
    assert spans(bank.extract(texts, ["x"] * len(texts))) != spans(before)
    with pytest.raises(ModelError, match="not a run"):
        bank.add("x", runs["few"].parent)
    assert bank.settings("x").labels == ("LOC", "ORG")
    bank.remove("x")
    assert bank.names == bank.resident == ()
    for call in (lambda: bank.extract(["a"], ["x"]), lambda: bank.remove("x"), lambda: bank.extractor("x")):
        with pytest.raises(ModelError, match="no adapter 'x'"):
            call()
