"""Products by either library."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from onoma.models import products
from onoma.models.products import QuickLinear, linear, quicken_linears

needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch comes without oneDNN")


@pytest.fixture
def preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any processor counts as one on which oneDNN is faster."""
    monkeypatch.setattr(products, "_prefers_onednn", lambda: True)


@needs_onednn
@pytest.mark.usefixtures("preferred")
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(200, 96), (4, 50, 96), (1, 1, 96), (0, 96)])
def test_both_libraries_give_the_same(shape: tuple[int, ...], bias: bool) -> None:
    layer = torch.nn.Linear(96, 128, bias=bias)
    states = torch.randn(*shape, 2).transpose(-1, -2)[..., 0, :]  # not contiguous
    with torch.inference_mode():
        torch.testing.assert_close(linear(states, layer.weight, layer.bias), layer(states), atol=1e-5, rtol=1e-5)


@needs_onednn
@pytest.mark.usefixtures("preferred")
def test_gradients_bfloat16_and_exports_stay_with_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails(*_: object) -> torch.Tensor:
        raise AssertionError("oneDNN was asked")

    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", fails)
    states, layer = torch.randn(200, 96), QuickLinear(96, 128)
    layer(states).sum().backward()
    assert layer.weight.grad is not None
    with torch.no_grad():
        torch.onnx.export(layer.eval(), (states,), str(tmp_path / "layer.onnx"), dynamo=False)
        with torch.autocast("cpu", torch.bfloat16):
            assert layer(states).dtype == torch.bfloat16
        assert layer(states[:1]).shape == (1, 128)  # too small to be worth it
        with pytest.raises(AssertionError, match="oneDNN was asked"):
            layer(states)


def test_layers_are_quickened_in_place_and_kinds_of_linear_layers_are_left() -> None:
    class Other(torch.nn.Linear):
        pass

    model = torch.nn.Sequential(torch.nn.Linear(2, 3), Other(3, 3), torch.nn.ReLU())
    before = model.state_dict()
    quicken_linears(model)
    assert [type(module) for module in model] == [QuickLinear, Other, torch.nn.ReLU]
    assert model.state_dict().keys() == before.keys()
    assert model[0].weight.data_ptr() == before["0.weight"].data_ptr()


@pytest.mark.parametrize(
    ("vendor", "capability", "preferred"),
    [("AuthenticAMD", "AVX512", True), ("AuthenticAMD", "AVX2", False), ("GenuineIntel", "AVX512", False)],
)
def test_onednn_is_preferred_where_mkl_is_slow(
    monkeypatch: pytest.MonkeyPatch, vendor: str, capability: str, preferred: bool
) -> None:
    monkeypatch.setattr(products, "_processor", lambda: f"vendor_id : {vendor}\n")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    for backend in (torch.backends.mkl, torch.backends.mkldnn):
        monkeypatch.setattr(backend, "is_available", lambda: True)
    products._prefers_onednn.cache_clear()
    try:
        assert products._prefers_onednn() is preferred
    finally:
        products._prefers_onednn.cache_clear()
