"""What four bits take from a generator's weights, carried beside them by thin matrices.

An adapter changes weights by a few hundredths, rounding to four bits by a tenth: of an adapter that is merged first,
rounding leaves little. So a base is rounded without its adapter, and what the merged weights have more than that, the
adapter and the errors of rounding together, becomes a product of two thin matrices beside each layer, by singular
values (Zhang et al. 2024, https://arxiv.org/abs/2402.02446).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onoma.files import write_json
from onoma.models.adapters import ADAPTER_CONFIG, ADAPTER_WEIGHTS

if TYPE_CHECKING:
    import torch

BLOCK = 32
"""Weights of a row that share a scale and a zero point."""

_STEPS = 15


def linear_layers(model: Any) -> dict[str, torch.nn.Linear]:
    """The linear layers of a decoder by name, without the one that gives the logits."""
    import torch

    last = model.get_output_embeddings()
    return {
        name: layer for name, layer in model.named_modules() if isinstance(layer, torch.nn.Linear) and layer is not last
    }


def rounded(weight: torch.Tensor) -> torch.Tensor:
    """A matrix in four bits and back, as onnxruntime rounds it: from least to largest of a block in fifteen steps.

    Args:
        weight: ``[out, in]``, float32.

    Examples:
        >>> rounded(torch.tensor([[-1.0, 0.0, 14.2]]))  # doctest: +SKIP
        tensor([[-1.0133,  0.0000, 14.1867]])
    """
    import torch

    rows, columns = weight.shape
    blocks = torch.nn.functional.pad(weight, (0, -columns % BLOCK)).reshape(rows, -1, BLOCK)
    low, high = blocks.amin(-1, keepdim=True).clamp(max=0), blocks.amax(-1, keepdim=True).clamp(min=0)
    step = (high - low) / _STEPS
    step = torch.where(step == 0, 1.0, step)
    zero = torch.round(-low / step)
    levels = torch.clamp(torch.round(blocks / step) + zero, 0, _STEPS)
    return ((levels - zero) * step).reshape(rows, -1)[:, :columns]


def write_difference(
    base: Mapping[str, torch.nn.Linear], merged: Mapping[str, torch.nn.Linear], folder: Path, rank: int
) -> None:
    """Write, as a LoRA adapter of PEFT, what merged layers have more than the rounded ones of the base.

    A base that comes in blocks of four bits itself (GGUF's Q4_1) differs from its rounded form by one number a block,
    and such a difference has no more ranks than a row has blocks. With so many besides the adapter's, it is carried
    nearly whole; of the errors of other bases, the largest part. Ranks are whole blocks, since kernels take a begun
    one for a whole one.

    Args:
        base: layers to be rounded, by name.
        merged: what they should be.
        folder: new; gets the adapter.
        rank: of the run's adapter; 0 without one.
    """
    import torch
    from safetensors.torch import save_file

    tensors, ranks = {}, {}
    for name, layer in base.items():
        weight = layer.weight.detach().float()
        missing = merged[name].weight.detach().float() - rounded(weight)
        most = min(_whole_blocks(rank + -(-weight.shape[1] // BLOCK)), *weight.shape)
        left, values, right = torch.linalg.svd(missing, full_matrices=False)
        share = values[:most].sqrt()
        tensors[f"base_model.model.{name}.lora_A.weight"] = (share[:, None] * right[:most]).contiguous()
        tensors[f"base_model.model.{name}.lora_B.weight"] = (left[:, :most] * share).contiguous()
        ranks[name] = most
    folder.mkdir(parents=True)
    save_file(tensors, folder / ADAPTER_WEIGHTS)
    highest = max(ranks.values())
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": highest,
        "lora_alpha": highest,
        "rank_pattern": ranks,
        "alpha_pattern": ranks,
        "target_modules": sorted({name.rpartition(".")[2] for name in ranks}),
        "lora_dropout": 0.0,
        "bias": "none",
    }
    write_json(folder / ADAPTER_CONFIG, config)


def _whole_blocks(ranks: int) -> int:
    return BLOCK * max(1, round(ranks / BLOCK))
