import json
import shutil
import warnings

import pytest
import torch
from conftest import card_of, logits_of, trained_model

from onoma.errors import ModelError
from onoma.models.adapters import (
    AdapterSettings,
    attach,
    carry_weights,
    head_name,
    new_classifier,
    save_model,
)
from onoma.models.bases import resolve_base
from onoma.models.merging import load_merged, read_config

TAGS = ("O", "B-LOC", "I-LOC")
METHODS = ("lora", "dora", "rslora", "full")


@pytest.fixture(scope="module")
def base(tiny_base):
    return resolve_base(str(tiny_base))


@pytest.mark.parametrize("targets", [("all-linear",), ("query",)])
def test_lower_layers_may_stay_as_they_are(base, targets, tmp_path):
    model = trained_model(base, "lora", first_layer=1, targets=targets)
    names = [name for name, parameter in model.named_parameters() if "lora" in name]
    assert names
    assert all(".layer.1." in name for name in names)
    assert any("query" in name for name in names)
    assert any("dense" in name for name in names) == (targets == ("all-linear",))
    save_model(model, tmp_path, base)
    assert torch.allclose(
        logits_of(load_merged(tmp_path, card_of(base, "lora"), base, TAGS)), logits_of(model), atol=1e-5
    )
    with pytest.raises(ModelError, match="adapter.first_layer: this base has no layer 2"):
        attach(new_classifier(base, TAGS), AdapterSettings(first_layer=2))


def test_some_layers_are_kept_from_the_first_to_the_last(base):
    whole, cut = new_classifier(base, TAGS), new_classifier(base, TAGS, layers=1)
    assert (whole.config.num_hidden_layers, cut.config.num_hidden_layers) == (2, 1)
    first = "bert.encoder.layer.0.attention.self.query.weight"
    assert cut.state_dict()[first].equal(whole.state_dict()[first])
    assert logits_of(cut.eval()).shape == (2, 10, 3)
    with pytest.raises(ModelError, match="layers: this base has 2 layers, not 3 to keep"):
        new_classifier(base, TAGS, layers=3)


@pytest.mark.parametrize("method", ["lora", "dora", "rslora"])
def test_plain_peft_loads_what_was_saved(base, method, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForTokenClassification

    model = trained_model(base, method)
    save_model(model, tmp_path, base)
    clean = AutoModelForTokenClassification.from_pretrained(base.folder, num_labels=len(TAGS))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # PEFT warns of keys that it misses
        plain = PeftModel.from_pretrained(clean, tmp_path).eval()
    assert torch.allclose(logits_of(plain), logits_of(model), atol=1e-5)
    assert read_config(tmp_path)["base_model_name_or_path"] == base.name


def test_only_adapter_and_head_are_trained(base):
    names = [name for name, parameter in trained_model(base, "lora").named_parameters() if parameter.requires_grad]
    assert names
    assert all("lora_" in name or "classifier" in name for name in names)
    assert all(parameter.requires_grad for parameter in trained_model(base, "full").parameters())
    targeted = trained_model(base, "lora", targets=("query",))
    assert {
        name.split(".lora_")[0].rsplit(".", 1)[-1] for name, _ in targeted.named_parameters() if "lora_" in name
    } == {"query"}


def test_unfit_targets_are_refused(base):
    with pytest.raises(ModelError, match=r"adapter.targets: no linear layer .*'qury'. Did you mean 'query'"):
        trained_model(base, "lora", targets=("key", "qury"))
    with pytest.raises(ModelError, match="no linear layer"):
        trained_model(base, "lora", targets=("word_embeddings",))
    with pytest.raises(ModelError, match="no classification head"):
        head_name(torch.nn.Linear(2, 2))


@pytest.mark.parametrize("method", METHODS)
def test_a_stage_carries_weights_by_tag_name(base, method, tmp_path):
    source = trained_model(base, method)
    save_model(source, tmp_path, base)
    same = trained_model(base, method, seed=2)
    report = carry_weights(same, tmp_path, TAGS, TAGS)
    assert torch.allclose(logits_of(same), logits_of(source), atol=1e-6)
    assert (report.carried, report.fresh, report.dropped) == (TAGS, (), ())
    wider = ("O", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
    other = trained_model(base, method, wider, seed=3)
    report = carry_weights(other, tmp_path, TAGS, wider)
    assert torch.allclose(logits_of(other)[..., [0, 3, 4]], logits_of(source), atol=1e-6)
    assert report.fresh == ("B-ORG", "I-ORG")
    narrow = trained_model(base, method, ("O",), seed=4)
    assert carry_weights(narrow, tmp_path, TAGS, ("O",)).dropped == ("B-LOC", "I-LOC")
    assert torch.allclose(logits_of(narrow), logits_of(source)[..., :1], atol=1e-6)


def test_weights_that_do_not_fit_are_refused(base, tmp_path):
    save_model(trained_model(base, "lora"), tmp_path, base)
    with pytest.raises(ModelError, match=r"do not fit this one's.*Keep method, rank and targets"):
        carry_weights(attach(new_classifier(base, TAGS), AdapterSettings(rank=8)), tmp_path, TAGS, TAGS)
    with pytest.raises(ModelError, match="do not fit"):
        carry_weights(trained_model(base, "dora"), tmp_path, TAGS, TAGS)
    with pytest.raises(ModelError, match="no such file"):
        carry_weights(trained_model(base, "full"), tmp_path, TAGS, TAGS)


def test_bases_that_cannot_tag_are_named(base, tmp_path):
    folder = shutil.copytree(base.folder, tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="the base's weights cannot be read"):
        new_classifier(resolve_base(str(folder)), TAGS)
    folder = shutil.copytree(base.folder, tmp_path / "vision")
    (folder / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(ModelError, match="cannot tag tokens"):
        new_classifier(resolve_base(str(folder)), TAGS)
