"""Products with linear layers' weights on CPUs for which torch's default library takes slow instructions."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

import torch

_WORTH_IT = 1_000_000
"""Multiplications of a product from which the other library's longer way there is made up for."""


def linear(states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """``states @ weight.T + bias``, by oneDNN where that is faster: in float32, without gradients, on AMD's CPUs.

    torch multiplies float32 matrices with MKL, which uses half the width of the vectors of AMD's processors; oneDNN,
    which torch brings along for other types, uses all of it and is about twice as fast. Results differ by rounding.

    Args:
        states: shape ``(..., inputs)``.
        weight: shape ``(outputs, inputs)``.
        bias: shape ``(outputs,)``.

    Examples:
        >>> linear(torch.ones(2, 3), torch.ones(4, 3)).shape
        torch.Size([2, 4])
    """
    if (
        _prefers_onednn()
        and not torch.onnx.is_in_onnx_export()  # it knows torch's own operators alone
        and states.device.type == "cpu"
        and states.dtype == weight.dtype == torch.float32
        and states.numel() * weight.shape[0] >= _WORTH_IT
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
    ):
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(states, weight, bias, "none", [], "")
        return product
    return torch.nn.functional.linear(states, weight, bias)


class QuickLinear(torch.nn.Linear):
    """A linear layer that computes by :func:`linear`."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """See :class:`torch.nn.Linear`."""
        return linear(input, self.weight, self.bias)


def quicken_linears(model: torch.nn.Module) -> None:
    """Give a model's linear layers the quick way; their weights stay as they are."""
    for module in model.modules():
        if type(module) is torch.nn.Linear:
            module.__class__ = QuickLinear


@functools.cache
def _prefers_onednn() -> bool:
    backends = torch.backends
    return (
        backends.mkl.is_available()
        and backends.mkldnn.is_available()
        and backends.cpu.get_cpu_capability().startswith("AVX512")
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and "AuthenticAMD" in _processor()
    )


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    return described.read_text() if described.is_file() else platform.processor()
