import numpy as np
import pytest
import torch

import onoma
from onoma.errors import ModelError
from onoma.extractors.tagger import pad
from onoma.models.bank import AdapterBank
from onoma.models.bases import Base
from onoma.training.recipe import parse_recipe
from onoma.training.stages import train


@pytest.fixture(scope="module")
def runs(tiny_recipe, tmp_path_factory):
    """Runs of different methods, ranks and label sets on one base."""
    folder = tmp_path_factory.mktemp("bank")
    stage = {"name": "one", "train": ["as"], "training": {"max_steps": 4, "learning_rate": 0.05}}
    adapters = {
        "lora": {"rank": 4},
        "wide": {"rank": 8, "method": "rslora"},
        "dora": {"rank": 3, "method": "dora"},
        "few": {"rank": 2, "targets": ["query", "value"], "first_layer": 1},
    }
    made = {}
    for number, (name, adapter) in enumerate(adapters.items()):
        content = tiny_recipe(name=name, adapter=adapter, stages=[stage], evaluate=[], seed=number)
        if name == "wide":
            content |= {"labels": ["LOC", "ORG"]}
        made[name] = train(parse_recipe(content), runs=folder).folder
    return made


@pytest.fixture
def bank(runs, tiny_base):
    made = AdapterBank(Base(str(tiny_base), tiny_base))
    for name, folder in runs.items():
        made.add(name, folder)
    return made


ROWS = [(0, 20, 31, 45, 2), (0, 7, 2), (0, 99, 98, 97, 96, 95, 94, 2), (0, 5, 6, 2)]


def alone(folder, row):
    ids, mask = pad([row], 1)
    return onoma.load(folder).logits(ids, mask)[0]


def test_a_mixed_batch_gives_what_each_adapter_gives_alone(bank, runs):
    names = ["lora", "wide", "dora", "few"]
    ids, mask = pad(ROWS, 1)
    found = bank.logits(ids, mask, names)
    for logits, name, row in zip(found, names, ROWS, strict=True):
        expected = alone(runs[name], row)
        assert logits.shape == (ids.shape[1], expected.shape[1])
        assert logits[: len(row)] == pytest.approx(expected, abs=1e-4)
    # The adapters do differ, so a mix-up would show.
    assert np.abs(bank.logits(*pad([ROWS[0]] * 2, 1), ["lora", "dora"])[0] - found[2][:5, :7]).max() > 1e-3


def test_batches_of_any_number_of_rows_are_the_same_rows(bank):
    names, rows = ["lora", "wide", "dora", "few"] * 33, [ROWS[number % 3] for number in range(132)]
    ids, mask = pad(rows, 1)
    found = bank.logits(ids, mask, names)
    for number in range(0, 132, 7):
        some = slice(number, number + 7)
        for one, expected in zip(found[some], bank.logits(ids[some], mask[some], names[some]), strict=True):
            assert one == pytest.approx(expected, abs=1e-5)


def test_adapters_come_and_go(bank, runs):
    ids, mask = pad([ROWS[0]], 1)
    before = bank.logits(ids, mask, ["few"])[0]
    slot = bank.residents["dora"].slot
    bank.remove("dora")
    assert bank.logits(ids, mask, ["few"])[0] == pytest.approx(before, abs=1e-5)
    with pytest.raises(ModelError, match="no adapter 'dora' in the bank"):
        bank.logits(ids, mask, ["dora"])
    assert bank.add("again", runs["lora"]).slot == slot
    assert bank.logits(ids, mask, ["again"])[0] == pytest.approx(alone(runs["lora"], ROWS[0]), abs=1e-4)
    bank.add("lora", runs["dora"])
    assert bank.logits(ids, mask, ["lora"])[0] == pytest.approx(alone(runs["dora"], ROWS[0]), abs=1e-4)
    assert set(bank.residents) == {"wide", "few", "again", "lora"}


def test_what_cannot_be_held_is_refused(runs, tiny_base, tiny_recipe, tmp_path):
    bank = AdapterBank(Base(str(tiny_base), tiny_base))
    stage = {"name": "one", "train": ["as"], "training": {"max_steps": 1}}
    full = train(
        parse_recipe(tiny_recipe(name="full", adapter={"method": "full"}, stages=[stage], evaluate=[])), runs=tmp_path
    ).folder
    with pytest.raises(ModelError, match="no adapter on the bank's base"):
        bank.add("full", full)
    letters = train(
        parse_recipe(tiny_recipe(name="letters", adapter={"rank": 2, "letters": "ৰ"}, stages=[stage], evaluate=[])),
        runs=tmp_path,
    ).folder
    with pytest.raises(ModelError, match="changes word embeddings"):
        bank.add("letters", letters)
    assert bank.residents == {}


def test_no_gradient_is_kept(bank):
    ids, mask = pad(ROWS, 1)
    bank.logits(ids, mask, ["lora"] * 4)
    assert not any(torch.is_tensor(value) and value.requires_grad for value in vars(bank._head).values())
