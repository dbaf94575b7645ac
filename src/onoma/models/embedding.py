"""Vectors of short texts, such as names of types, by the encoders that taggers are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]
"""Gives a unit vector for each text, shape ``(texts, width)``."""


def query(name: str) -> str:
    """How an encoder of the E5 family is given the name of a type (https://arxiv.org/abs/2212.03533).

    Examples:
        >>> query("PROGRAMMING_LANGUAGE")
        'query: programming language'
    """
    return f"query: {name.replace('_', ' ').lower()}"


def encoder(base: str) -> Embed:
    """Unit vectors of texts: the mean of a base's last layer over their pieces.

    Args:
        base: name of an encoder, such as ``bundled:multilingual-e5-small``.
    """

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        import torch
        from tokenizers import Tokenizer
        from transformers import AutoModel

        from onoma.models.bases import resolve_base
        from onoma.models.products import quicken_linears

        folder = resolve_base(base).folder
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.enable_padding()
        model: Any = AutoModel.from_pretrained(folder).eval()
        quicken_linears(model)
        parts = []
        with torch.inference_mode():
            for first in range(0, len(texts), 64):
                encoded = tokenizer.encode_batch(list(texts[first : first + 64]))
                pieces = torch.tensor([one.ids for one in encoded])
                attention = torch.tensor([one.attention_mask for one in encoded])
                states = model(input_ids=pieces, attention_mask=attention).last_hidden_state
                mask = attention.unsqueeze(-1)
                parts.append(torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1))
        vectors: NDArray[np.float32] = torch.cat(parts).numpy()
        return vectors

    return embed
