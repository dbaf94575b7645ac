"""DoRA's step without a matrix as large as the layer's."""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora.dora import DoraLinearLayer


class RankDora(DoraLinearLayer):
    """DoRA on a linear layer of a CPU, the length of each row of the updated weights computed through the rank.

    DoRA (https://arxiv.org/abs/2402.09353) divides by the norms of the rows of ``W + s B A``. Making that sum at every
    step takes several passes over memory of the size of all of the base's weights, which on a CPU is two thirds of a
    small model's step. Here the squares are ``|W|² + 2 s (W Aᵀ) · B + s² (B A Aᵀ) · B``, row by row: ``|W|²`` is made
    once, since the base is frozen, and the rest has only ``rank`` columns.
    """

    _frozen: torch.Tensor | None = None

    def forward(self, x: torch.Tensor, *, base_result: torch.Tensor | None = None, **layer: Any) -> torch.Tensor:
        """See :class:`DoraLinearLayer`: what is to be added to the base layer's output."""
        linear, scaling = layer["base_layer"], layer["scaling"]
        weight, down, up = linear.weight, layer["lora_A"].weight, layer["lora_B"].weight
        if base_result is None or weight.device.type != "cpu" or weight.dtype != torch.float32:
            made: torch.Tensor = super().forward(x, base_result=base_result, **layer)  # type: ignore[no-untyped-call]
            return made
        # Norms get no gradient (section 4.3 of the paper), and bfloat16 would be too coarse for them.
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            norms = self._norms(weight, down, up, scaling)
        stretch = self.weight / norms
        bias = None if linear.bias is None else (1 - stretch) * linear.bias
        update = torch.nn.functional.linear(layer["lora_A"](x), up * (stretch * scaling).unsqueeze(1), bias)
        return torch.addcmul(update, base_result, stretch - 1)

    def _norms(self, weight: Any, down: Any, up: Any, scaling: float) -> torch.Tensor:
        if self._frozen is None:
            self._frozen = weight.square().sum(1)
        crossed = ((weight @ down.T) * up).sum(1)
        updates = ((up @ (down @ down.T)) * up).sum(1)
        squares: torch.Tensor = self._frozen + 2 * scaling * crossed + scaling**2 * updates
        return squares.clamp_min(0).sqrt()


def quicken_dora(model: torch.nn.Module) -> None:
    """Give a model's DoRA layers the quick step; their weights stay as they are."""
    for module in model.modules():
        if type(module) is DoraLinearLayer:
            module.__class__ = RankDora
