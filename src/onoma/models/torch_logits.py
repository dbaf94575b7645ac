"""A torch classifier as a plain function over arrays."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch


def default_device() -> str:
    """``"cuda"`` where there is one, else ``"cpu"``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


class TorchLogits:
    """Runs a token classifier.

    Args:
        model: a transformers or PEFT token classifier, in evaluation mode.
        autocast: type for matrix products, or None for the weights' own.
    """

    def __init__(self, model: Any, autocast: torch.dtype | None = None) -> None:
        from onoma.models.products import quicken_linears

        quicken_linears(model)
        self.model = model
        self._autocast = autocast

    def __call__(self, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Logits of shape ``(batch, pieces, tags)`` for ids and mask of shape ``(batch, pieces)``."""
        import torch

        device = next(self.model.parameters()).device
        cast = torch.autocast(device.type, self._autocast) if self._autocast else contextlib.nullcontext()
        with torch.inference_mode(), cast:
            logits = self.model(
                input_ids=torch.from_numpy(ids).to(device), attention_mask=torch.from_numpy(mask).to(device)
            ).logits
        result: npt.NDArray[np.float32] = logits.float().cpu().numpy()
        return result
