import pytest
import torch
from transformers import AutoModelForTokenClassification

from onoma.training.precision import choose_precision


@pytest.fixture
def model(tiny_base):
    return AutoModelForTokenClassification.from_pretrained(tiny_base, num_labels=3)


def test_a_choice_is_obeyed(model):
    assert choose_precision("bf16", model, {}) == "bf16"


@pytest.mark.skipif(torch.cuda.is_available(), reason="measures only where there is no GPU")
def test_auto_measures_and_leaves_no_gradients(model):
    batch = {"input_ids": torch.ones(2, 8, dtype=torch.long), "attention_mask": torch.ones(2, 8, dtype=torch.long)}
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    assert choose_precision("auto", model, batch) in {"fp32", "bf16"}
    assert all(
        parameter.grad is None and torch.equal(parameter, before[name]) for name, parameter in model.named_parameters()
    )
