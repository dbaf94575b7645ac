"""Adapters as changes to a base's weights: read from their files, and added to a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onoma.errors import ModelError, OnomaError
from onoma.files import read_json
from onoma.models.adapters import ADAPTER_CONFIG, ADAPTER_WEIGHTS, check_base, new_classifier, read_weights
from onoma.models.bases import Base
from onoma.models.runs import RunCard

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_PEFT_PREFIX = "base_model.model."
_DOWN, _UP, _MAGNITUDE = ".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector"
_PIECES = ".token_adapter.trainable_tokens_delta"


def load_merged(folder: Path, card: RunCard, base: Base, tags: Sequence[str]) -> PreTrainedModel:
    """A run's model ready for inference, with the adapter merged into the base's weights.

    Raises:
        ModelError: if the base is not the one that the run was trained on, or files are corrupt.
    """
    if card.method == "full":
        model = new_classifier(Base(str(folder), folder), tags)
    else:
        model = new_classifier(base, tags, card.layers)
        check_base(card, base, str(folder))
        merge(model, read_weights(folder / ADAPTER_WEIGHTS), read_config(folder))
    model.eval()
    return model


def merge(model: PreTrainedModel, state: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> None:
    """Add an adapter to a classifier's own weights, and put its head in place; the same as PEFT's merge.

    Done here on the three matrices of a layer, since PEFT's import and wrapping take longer than reading a small base.

    Args:
        model: clean, from :func:`new_classifier`.
        state: tensors of ``adapter_model.safetensors``.
        config: contents of ``adapter_config.json``.

    Raises:
        ModelError: if a tensor has no place in the model, or another shape.
    """
    import torch

    own = dict(model.named_parameters())
    try:
        updates, rest, embeddings = read_updates(state, config)
        with torch.no_grad():
            for name, update in updates.items():
                weight = own[f"{name}.weight"]
                product = update.up @ update.down
                weight.add_(product.T if config["fan_in_fan_out"] else product)
                if update.magnitude is not None:
                    weight.mul_((update.magnitude / weight.norm(dim=1)).unsqueeze(1))
            for name, value in embeddings.items():
                own[f"{name}.weight"][config["trainable_token_indices"]] = value
            for name, value in rest.items():
                if own[name].shape != value.shape:
                    raise ModelError(f"{name} has shape {tuple(value.shape)} instead of {tuple(own[name].shape)}")
                own[name].copy_(value)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"the adapter does not fit the base ({error})", mend="Copy or train the run again.") from error


@dataclass(frozen=True)
class Update:
    """What an adapter does to a linear layer.

    Args:
        down: shape ``(rank, inputs)``.
        up: shape ``(outputs, rank)``, the adapter's scale multiplied in; the layer's weight changes by ``up @ down``.
        magnitude: length of each row of the changed weight, shape ``(outputs,)``, for DoRA.
    """

    down: torch.Tensor
    up: torch.Tensor
    magnitude: torch.Tensor | None = None


def read_updates(
    state: Mapping[str, torch.Tensor], config: Mapping[str, Any]
) -> tuple[dict[str, Update], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """An adapter's tensors by what they are for.

    Args:
        state: tensors of ``adapter_model.safetensors``.
        config: contents of ``adapter_config.json``.

    Returns:
        Updates by name of the layer; tensors that replace those of the same name, as the head's; and word embeddings of
        the pieces ``trainable_token_indices``, by name of the layer.

    Raises:
        KeyError: if half of an update is missing.
    """
    scale = config["lora_alpha"] / (math.sqrt(config["r"]) if config["use_rslora"] else config["r"])
    left = {key.removeprefix(_PEFT_PREFIX): value for key, value in state.items()}
    updates = {}
    for name in [key.removesuffix(_DOWN) for key in left if key.endswith(_DOWN)]:
        magnitude = left.pop(f"{name}{_MAGNITUDE}") if config["use_dora"] else None
        updates[name] = Update(left.pop(f"{name}{_DOWN}"), scale * left.pop(f"{name}{_UP}"), magnitude)
    # PEFT's "delta" is the embeddings themselves, not a difference.
    embeddings = {key.removesuffix(_PIECES): left.pop(key) for key in list(left) if key.endswith(_PIECES)}
    return updates, left, embeddings


def read_config(folder: Path) -> dict[str, Any]:
    """Contents of a run's ``adapter_config.json``.

    Raises:
        ModelError: if it is missing, or no JSON.
    """
    try:
        config: dict[str, Any] = read_json(folder / ADAPTER_CONFIG)
    except OnomaError as error:
        raise ModelError(error.what, where=error.where, mend="Copy or train the run again.") from error
    return config
