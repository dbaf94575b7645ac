import shutil

import pytest
import torch
from conftest import card_of, logits_of, make_base, trained_model

from onoma.errors import ModelError
from onoma.models.adapters import (
    ADAPTER_WEIGHTS,
    AdapterSettings,
    attach,
    carry_weights,
    new_classifier,
    read_weights,
    save_model,
)
from onoma.models.bases import resolve_base
from onoma.models.merging import load_merged, merge, read_config

TAGS = ("O", "B-LOC", "I-LOC")


@pytest.fixture(scope="module")
def base(tiny_base):
    return resolve_base(str(tiny_base))


@pytest.mark.parametrize("method", ["lora", "dora", "rslora", "full"])
def test_saved_and_merged_models_say_the_same(base, method, tmp_path):
    model = trained_model(base, method)
    save_model(model, tmp_path, base)
    merged = load_merged(tmp_path, card_of(base, method), base, TAGS)
    assert not any("lora" in name for name, _ in merged.named_parameters())
    assert torch.allclose(logits_of(merged), logits_of(model), atol=1e-5)


def test_word_embeddings_of_chosen_pieces_are_trained_saved_and_merged(base, tmp_path):
    pieces = (6, 9, 13)
    model = trained_model(base, "lora", pieces=pieces)
    save_model(model, tmp_path, base)
    merged = load_merged(tmp_path, card_of(base, "lora"), base, TAGS)
    assert torch.allclose(logits_of(merged), logits_of(model), atol=1e-5)
    clean = new_classifier(base, TAGS).get_input_embeddings().weight
    moved = (merged.get_input_embeddings().weight != clean).any(dim=1).nonzero().flatten().tolist()
    assert tuple(moved) == pieces
    again = attach(new_classifier(base, TAGS), AdapterSettings(rank=4, pieces=pieces))
    carry_weights(again, tmp_path, TAGS, TAGS)
    assert torch.allclose(logits_of(again.eval()), logits_of(model), atol=1e-5)


def test_an_adapter_never_runs_on_another_base(base, tmp_path):
    (tmp_path / "run").mkdir()
    save_model(trained_model(base, "lora"), tmp_path / "run", base)
    other = resolve_base(str(make_base(tmp_path / "other", seed=9)))
    with pytest.raises(ModelError, match=r"the weights of .*other.* are not those that this adapter was trained on"):
        load_merged(tmp_path / "run", card_of(base, "lora"), other, TAGS)
    twin = resolve_base(str(shutil.copytree(base.folder, tmp_path / "twin")))
    load_merged(tmp_path / "run", card_of(base, "lora"), twin, TAGS)
    (twin.folder / "tokenizer.json").write_text((twin.folder / "tokenizer.json").read_text() + " ")
    with pytest.raises(ModelError, match="the tokenizer of"):
        load_merged(tmp_path / "run", card_of(base, "lora"), resolve_base(str(twin.folder)), TAGS)


def test_damaged_runs_are_named(base, tmp_path):
    save_model(trained_model(base, "lora"), tmp_path, base)
    weights = tmp_path / ADAPTER_WEIGHTS
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"adapter_model.safetensors: the weights are corrupt.*Copy or train"):
        load_merged(tmp_path, card_of(base, "lora"), base, TAGS)
    weights.unlink()
    with pytest.raises(ModelError, match="no such file"):
        load_merged(tmp_path, card_of(base, "lora"), base, TAGS)
    (tmp_path / "adapter_config.json").write_text("{")
    with pytest.raises(ModelError, match="not JSON"):
        read_config(tmp_path)


def test_tensors_without_a_place_are_refused(base, tmp_path):
    save_model(trained_model(base, "lora"), tmp_path, base)
    state, config = read_weights(tmp_path / ADAPTER_WEIGHTS), read_config(tmp_path)
    with pytest.raises(ModelError, match="does not fit the base"):
        merge(new_classifier(base, TAGS), state | {"base_model.model.gone.weight": torch.zeros(2)}, config)
    with pytest.raises(ModelError, match=r"classifier.\w+ has shape"):
        merge(new_classifier(base, ("O", "B-X")), state, config)
    missing = {key: value for key, value in state.items() if "layer.0.output.dense.lora_B" not in key}
    with pytest.raises(ModelError, match="does not fit the base"):
        merge(new_classifier(base, TAGS), missing, config)
