import pytest
import torch

from onoma.training.dropout import ByteDropout, quicken_dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.05, 0.1, 0.5])
def test_as_many_elements_are_dropped_and_the_mean_stays(p, dtype):
    torch.manual_seed(0)
    values = torch.ones(300, 333, dtype=dtype, requires_grad=True)
    made = ByteDropout(p)(values)
    assert made.dtype == dtype
    assert (made == 0).float().mean().item() == pytest.approx(round(p * 256) / 256, abs=0.005)
    assert made.float().mean().item() == pytest.approx(1.0, abs=0.01)
    made.sum().backward()
    assert values.grad.equal(made.detach()), "what is dropped gets no gradient"


def test_seeds_hold_and_each_element_is_drawn_alone():
    torch.manual_seed(1)
    first = ByteDropout(0.5)(torch.ones(7))
    second = ByteDropout(0.5)(torch.ones(64, 1_000))
    torch.manual_seed(1)
    assert ByteDropout(0.5)(torch.ones(7)).equal(first)
    assert ByteDropout(0.5)(torch.ones(64, 1_000)).equal(second)
    kept = (second > 0).float()
    for shift in (1, 8):
        together = (kept[:, shift:] * kept[:, :-shift]).mean().item()
        assert together == pytest.approx(0.25, abs=0.01)


def test_only_training_drops_and_only_probabilities_between():
    values = torch.ones(10, 10)
    assert ByteDropout(0.5).eval()(values).equal(values)
    assert ByteDropout(0.0)(values).equal(values)
    assert not ByteDropout(1.0)(values).any()


def test_a_models_layers_become_quick_and_stay_otherwise_as_they_are():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.3), torch.nn.ModuleList([torch.nn.Dropout()]))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    quicken_dropout(model)
    found = [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    assert [(type(module), module.p) for module in found] == [(ByteDropout, 0.3), (ByteDropout, 0.5)]
    assert all(before[name].equal(value) for name, value in model.state_dict().items())
