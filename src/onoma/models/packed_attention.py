"""Attention of a row that holds several examples: each one's by itself, so no time goes into pairs that are masked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

NAME = "onoma_packed"
"""As which transformers knows it."""


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    cu_seq_lens_q: torch.Tensor | None = None,
    sliding_window: int | None = None,
    **rest: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within the examples of one row; without ``cu_seq_lens_q`` torch's own, under the mask.

    A row of n pieces in k examples of one length takes n²/k products instead of n². It is what FlashAttention's
    "varlen" does (Dao 2023, https://arxiv.org/abs/2307.08691), by torch's kernels, for where that does not run.

    Args:
        module: the layer.
        query: shape ``(1, heads, pieces, size)``.
        key: shape ``(1, key heads, pieces, size)``.
        value: as ``key``.
        attention_mask: of the whole row; used without ``cu_seq_lens_q``, and where the layer has a window.
        cu_seq_lens_q: where examples begin, and the row's end; shape ``(examples + 1,)``.
        sliding_window: of the layer.
        rest: of transformers.
    """
    if cu_seq_lens_q is None or sliding_window is not None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **rest)
    parts = [
        sdpa_attention_forward(
            module, query[:, :, first:last], key[:, :, first:last], value[:, :, first:last], None, **rest
        )[0]
        for first, last in pairwise(cu_seq_lens_q.tolist())
    ]
    return torch.cat(parts, dim=1), None


@contextmanager
def packed(model: Any) -> Iterator[None]:
    """Let a decoder attend so while the context lasts, if it would otherwise by torch's kernels on a CPU.

    A GPU would be kept waiting for so many small kernels.

    Args:
        model: a decoder, with or without an adapter of PEFT.

    Examples:
        >>> from onoma.models.bases import resolve_base
        >>> from onoma.models.generators import new_decoder
        >>> model = new_decoder(resolve_base("bundled:smollm2-135m"))  # doctest: +SKIP
        >>> with packed(model):  # doctest: +SKIP
        ...     model(ids, position_ids=positions, cu_seq_lens_q=begins)
    """
    before = model.config._attn_implementation
    if model.device.type != "cpu" or before != "sdpa":
        yield
        return
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


AttentionInterface.register(NAME, packed_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
