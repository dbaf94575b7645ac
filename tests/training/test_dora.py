import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model

from onoma.training.dora import RankDora, quicken_dora


@pytest.fixture
def adapted():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(24, 16), torch.nn.Tanh(), torch.nn.Linear(16, 8, bias=False))
    model = get_peft_model(net, LoraConfig(r=4, lora_alpha=8, target_modules=["0", "2"], use_dora=True))
    for name, parameter in model.named_parameters():
        if "lora" in name:
            parameter.data += 0.3 * torch.randn_like(parameter)
    return model.train()


def test_results_and_gradients_are_those_of_peft(adapted):
    quick = copy.deepcopy(adapted)
    quicken_dora(quick)
    assert sum(type(module) is RankDora for module in quick.modules()) == 2
    values = torch.randn(5, 3, 24)
    for _ in range(2):  # the second time with what the first has kept
        made = []
        for model in (adapted, quick):
            model.zero_grad()
            result = model(values)
            result.square().sum().backward()
            made.append([result, *(parameter.grad for parameter in model.parameters() if parameter.requires_grad)])
        assert len(made[0]) == 1 + 2 * 3
        for theirs, ours in zip(*made, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_norms_are_not_rounded_by_autocast(adapted):
    quicken_dora(adapted)
    layer = next(module for module in adapted.modules() if isinstance(module, RankDora))
    lora = adapted.base_model.model[0]
    down, up = lora.lora_A["default"].weight, lora.lora_B["default"].weight
    exact = torch.linalg.norm(lora.base_layer.weight + 2 * up @ down, dim=1)
    stretched = layer.weight / exact
    with torch.autocast("cpu", dtype=torch.bfloat16):
        added = layer(
            torch.zeros(1, 24),
            lora_A=lora.lora_A["default"],
            lora_B=lora.lora_B["default"],
            scaling=2.0,
            base_layer=lora.base_layer,
            base_result=torch.full((1, 16), 1e6),
        )
    # Beside so large a result of the base, only the norms count.
    torch.testing.assert_close(added[0], 1e6 * (stretched - 1), rtol=1e-4, atol=20)


def test_dropout_on_the_adapters_input_takes_pefts_way():
    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["0"], use_dora=True, lora_dropout=0.5)
    model = get_peft_model(torch.nn.Sequential(torch.nn.Linear(24, 16)), config).train()
    quick = copy.deepcopy(model)
    quicken_dora(quick)
    values = torch.randn(7, 24)
    torch.manual_seed(3)
    theirs = model(values)
    torch.manual_seed(3)
    torch.testing.assert_close(quick(values), theirs)
