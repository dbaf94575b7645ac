import json

import pytest
import torch

import onoma
from onoma.corpus import load_corpus
from onoma.errors import RecipeError
from onoma.extractors.generator import GeneratorExtractor
from onoma.models.adapters import ADAPTER_WEIGHTS, read_weights
from onoma.models.bases import Base, resolve_base
from onoma.models.generator_card import GeneratorCard
from onoma.models.generators import AdapterShelf, base_of, new_decoder
from onoma.training.conversations import Example
from onoma.training.features import IGNORED
from onoma.training.generator import answer_loss
from onoma.training.recipe import parse_recipe
from onoma.training.stages import train


def test_a_run_is_a_folder_that_loads_and_finds(writer):
    card = GeneratorCard.read(writer)
    assert (card.codec, card.instructions, card.method) == ("json-list", 1, "lora")
    extractor = onoma.load(writer)
    assert isinstance(extractor, GeneratorExtractor)
    assert extractor.labels == card.labels
    assert extractor.extract("Ubuntu 22.04 throws a NullPointerException").text
    metrics = json.loads((writer / "metrics.json").read_text())["stages"][0]
    assert metrics["steps"] > 0
    assert metrics["validation_f1"] is not None
    assert metrics["spans_lost"] == 0
    assert (writer / "adapter_model.safetensors").exists()
    assert "writer" in (writer / "README.md").read_text()


@pytest.mark.parametrize("pieces", [None, 8])
def test_the_loss_is_that_of_answers_alone(tiny_decoder, pieces):
    """Two examples in a row, of two and three answer pieces; each is asked by itself for comparison."""
    model = new_decoder(Base("tiny", tiny_decoder)).eval()
    examples = [Example((5, 6, 7), (8, 2)), Example((9, 10), (11, 12, 2))]
    row = {
        "input_ids": torch.tensor([[piece for example in examples for piece in (*example.prompt, *example.answer)]]),
        "position_ids": torch.tensor([[0, 1, 2, 3, 4, 0, 1, 2, 3, 4]]),
        "labels": torch.tensor([[IGNORED, IGNORED, IGNORED, 8, 2, IGNORED, IGNORED, 11, 12, 2]]),
    }
    alone = []
    for example in examples:
        logits = model(torch.tensor([[*example.prompt, *example.answer]])).logits[0, len(example.prompt) - 1 : -1]
        alone.append(torch.nn.functional.cross_entropy(logits, torch.tensor(example.answer), reduction="sum"))
    loss, _ = answer_loss(model, row, pieces)
    torch.testing.assert_close(loss, sum(alone) / (pieces or 5), atol=1e-4, rtol=1e-4)


def test_a_second_stage_goes_on_and_a_full_run_is_its_own_base(writer_recipe, tmp_path):
    stages = [
        {"name": "one", "train": ["en-it"], "training": {"max_steps": 1}},
        {"name": "two", "train": ["en-it"], "start": "one", "training": {"max_steps": 1}},
    ]
    carried = train(parse_recipe(writer_recipe(stages=stages, evaluate=[])), runs=tmp_path)
    assert [stage["start"] for stage in carried.metrics["stages"]] == [None, "one"]
    full = writer_recipe(name="whole", adapter={"method": "full"}, stages=stages[:1], evaluate=[])
    folder = train(parse_recipe(full), runs=tmp_path).folder
    assert (folder / "model.safetensors").exists()
    assert onoma.load(folder).extract("Ubuntu").text == "Ubuntu"


def test_an_adapter_learns_on_a_base_in_four_bits(writer_recipe, tiny_decoder, tmp_path):
    """QLoRA: what it learns there it takes to the base as it is."""
    base = resolve_base(str(tiny_decoder))
    small = new_decoder(base, four_bits=True)
    assert any(type(module).__name__ == "Linear4bit" for module in small.modules())
    ids = torch.arange(5, 25).reshape(2, 10)
    with torch.inference_mode():
        likeness = torch.cosine_similarity(small(ids).logits, new_decoder(base)(ids).logits, dim=-1)
    assert 0.9 < likeness.mean() < 1
    content = writer_recipe(name="quantized", generator={"sample": 4, "four_bits": True}, evaluate=[])
    content["training"] = content.get("training", {}) | {"max_steps": 3}
    done = train(parse_recipe(content), runs=tmp_path)
    adapter = read_weights(done.folder / ADAPTER_WEIGHTS)
    assert any(value.abs().max() > 0 for name, value in adapter.items() if "lora_B" in name)
    extractor = onoma.load(done.folder)
    kinds = {type(module).__name__ for module in extractor.decoder.model.modules()}
    assert "QuickLinear" in kinds
    assert "Linear4bit" not in kinds
    assert extractor.extract("Ubuntu").text == "Ubuntu"
    with pytest.raises(RecipeError, match="four_bits: a base in four bits cannot itself be trained"):
        parse_recipe(content | {"adapter": {"method": "full"}})


def test_an_example_that_fits_no_row_is_an_error(writer_recipe, tmp_path):
    with pytest.raises(RecipeError, match=r"the longest prompt with its answer has \d+ pieces"):
        train(parse_recipe(writer_recipe(training={"batch_pieces": 16})), runs=tmp_path)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"rewrite": ["assamese-as-bengali"]}, "rewrite"),
        ({"training": {"label_smoothing": 0.1}}, "label_smoothing"),
        ({"adapter": {"letters": "ৰ"}}, "letters"),
        ({"training": {"select": "average"}}, "select: average"),
    ],
)
def test_what_only_taggers_know_is_refused(writer_recipe, changes, name):
    with pytest.raises(RecipeError, match=f"{name} is for taggers"):
        parse_recipe(writer_recipe(**changes))


def test_adapters_on_a_shelf_answer_as_they_do_alone(writer_recipe, writer, tmp_path):
    other = train(parse_recipe(writer_recipe(name="other", seed=99, evaluate=[])), runs=tmp_path).folder
    read = [document.text for document in load_corpus("examples:en-it")["test"]][:6]
    card = GeneratorCard.read(writer)
    shelf = AdapterShelf(base_of(writer, card))
    settings = onoma.load(writer).settings
    found = {}
    for name, folder in (("one", writer), ("two", other)):
        shelf.add(name, folder, GeneratorCard.read(folder))
    for name in ("one", "two", "one"):
        own = GeneratorExtractor(shelf.decoder, settings, prepare=lambda name=name: shelf.use(name))
        found[name] = [[(s.start, s.end, s.label) for s in document.spans] for document in own.extract(read)]
    for name, folder in (("one", writer), ("two", other)):
        alone = onoma.load(folder).extract(read)
        assert found[name] == [[(s.start, s.end, s.label) for s in document.spans] for document in alone]
    shelf.remove("two")
    with pytest.raises(ValueError, match="two"):
        shelf.use("two")
