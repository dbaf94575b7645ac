"""Many adapters on one base, and batches whose rows go through different ones.

The base's matrix products are shared by all rows of a batch; each row adds the small product of its own adapter, which
is gathered from stacks of all adapters (as S-LoRA and Punica do on GPUs, https://arxiv.org/abs/2311.03285,
https://arxiv.org/abs/2310.18547; here it is two batched products a layer). LoRA, rsLoRA and DoRA adapters of different
ranks and label sets stand side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from onoma.errors import ModelError, nearest
from onoma.models.adapters import (
    ADAPTER_WEIGHTS,
    check_base,
    head_name,
    new_classifier,
    read_weights,
)
from onoma.models.bases import Base
from onoma.models.merging import Update, read_config, read_updates
from onoma.models.products import linear, quicken_linears
from onoma.models.runs import RunCard

_ROWS = 64
"""Rows of a batch whose matrices are gathered at a time on CPUs."""


class NotSharedError(ModelError):
    """A run's adapter changes what all rows of a batch share, so it cannot stand in a bank; by itself it runs."""


@dataclass(frozen=True)
class Resident:
    """An adapter in a bank.

    Args:
        card: of its run.
        slot: its place in the stacks.
        tags: outputs of its head.
        size: bytes of its tensors.
    """

    card: RunCard
    slot: int
    tags: int
    size: int


class AdapterBank:
    """One base with the adapters of several runs.

    Args:
        base: that all of them were trained on.
        layers: how many of its layers the runs keep, or None for all.
        device: of the weights.

    Examples:
        >>> bank = AdapterBank(resolve_base("bundled:multilingual-e5-small"))  # doctest: +SKIP
        >>> bank.add("assamese", Path("runs/assamese"))  # doctest: +SKIP
        >>> logits = bank.logits(ids, mask, ["assamese", "it"])  # doctest: +SKIP
    """

    def __init__(self, base: Base, *, layers: int | None = None, device: str = "cpu") -> None:
        self.base = base
        self.layers = layers
        self.residents: dict[str, Resident] = {}
        self._device = device
        self._rows = _Rows()
        model: Any = new_classifier(base, ["O"], layers)
        head = model.get_submodule(head_name(model))
        if not isinstance(head, torch.nn.Linear):
            raise NotSharedError(f"the head of {base.name!r} is no single layer, so it cannot be held in a bank")
        self._head = _Heads(head.in_features, self._rows, device)
        model.set_submodule(head_name(model), self._head)
        quicken_linears(model)
        self._model = model.eval().to(device)
        self._layers: dict[str, _BankLinear] = {}

    def add(self, name: str, run: Path) -> Resident:
        """Put the adapter of a run into the bank; one of that name is replaced.

        Raises:
            ModelError: if it was trained on another base.
            NotSharedError: if it does more than low-rank updates of linear layers.
        """
        card = RunCard.read(run)
        if card.method == "full" or card.layers != self.layers:
            raise NotSharedError(
                "this run is no adapter on the bank's base",
                where=str(run),
                mend="Load it by itself with onoma.load.",
            )
        check_base(card, self.base, str(run))
        updates, head, embeddings = read_updates(read_weights(run / ADAPTER_WEIGHTS), read_config(run))
        if embeddings:
            raise NotSharedError(
                "this adapter changes word embeddings, which all rows of a batch share", where=str(run)
            )
        if name in self.residents:
            self.remove(name)
        slot = min(set(range(len(self.residents) + 1)) - {one.slot for one in self.residents.values()})
        size = 0
        with torch.no_grad():
            for layer, update in updates.items():
                size += self._layer(layer).put(slot, update)
            size += self._head.put(slot, head)
            for layer in self._layers.keys() - updates.keys():
                self._layers[layer].clear(slot)
        self.residents[name] = Resident(card, slot, 1 + 2 * len(card.labels), size)
        return self.residents[name]

    def remove(self, name: str) -> None:
        """Take an adapter out; its place is free for another.

        Raises:
            ModelError: if there is none of that name.
        """
        slot = self._resident(name).slot
        for layer in self._layers.values():
            layer.clear(slot)
        del self.residents[name]

    def logits(
        self, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64], names: Sequence[str]
    ) -> list[npt.NDArray[np.float32]]:
        """Logits of each row by its own adapter.

        Args:
            ids: of pieces, shape ``(batch, pieces)``.
            mask: 1 where a piece is, of the same shape.
            names: adapter of each row.

        Returns:
            For each row an array of shape ``(pieces, tags)``, tags being those of its adapter.
        """
        rows = [self._resident(name) for name in names]
        with torch.inference_mode():
            self._rows.slots = torch.tensor([row.slot for row in rows], device=self._device)
            result = self._model(
                input_ids=torch.from_numpy(ids).to(self._device),
                attention_mask=torch.from_numpy(mask).to(self._device),
            ).logits
        array = result.float().cpu().numpy()
        return [array[number, :, : row.tags] for number, row in enumerate(rows)]

    def _resident(self, name: str) -> Resident:
        try:
            return self.residents[name]
        except KeyError:
            raise ModelError(f"no adapter {name!r} in the bank", mend=nearest(name, self.residents)) from None

    def _layer(self, name: str) -> _BankLinear:
        if name not in self._layers:
            try:
                layer = self._model.get_submodule(name)
            except AttributeError as error:
                raise ModelError(f"the base has no layer {name!r}") from error
            if not isinstance(layer, torch.nn.Linear):
                raise ModelError(f"the layer {name!r} is not linear, so its updates cannot be held in a bank")
            self._layers[name] = _BankLinear(layer, self._rows)
            self._model.set_submodule(name, self._layers[name])
        return self._layers[name]


class _Rows:
    """Slots of the adapters that the rows of the batch at hand go through."""

    slots: torch.Tensor


class _BankLinear(torch.nn.Module):
    """A linear layer with stacks of low-rank updates."""

    def __init__(self, linear: torch.nn.Linear, rows: _Rows) -> None:
        super().__init__()
        self._rows = rows
        self.weight, self.bias = linear.weight, linear.bias
        self._down = linear.weight.new_zeros((0, linear.in_features, 1))
        self._up = linear.weight.new_zeros((0, 1, linear.out_features))
        # How much DoRA stretches each output; 1 for other adapters, and no tensor as long as there are only those.
        self._stretch: torch.Tensor | None = None

    def put(self, slot: int, update: Update) -> int:
        """Put an update into a slot; says how many bytes it has."""
        rank, width = update.down.shape[0], self._down.shape[2]
        slots = max(slot + 1, len(self._down))
        self._down = _grown(self._down, (slots, self._down.shape[1], max(rank, width)))
        self._up = _grown(self._up, (slots, max(rank, width), self._up.shape[2]))
        self.clear(slot)
        self._down[slot, :, :rank] = update.down.T
        self._up[slot, :rank] = update.up.T
        if update.magnitude is not None and self._stretch is None:
            self._stretch = torch.ones((slots, self._up.shape[2]), device=self.weight.device)
        if self._stretch is not None:
            self._stretch = _grown(self._stretch, (slots, self._stretch.shape[1]), fill=1.0)
            if update.magnitude is not None:
                moved = self.weight + (update.up @ update.down).to(self.weight)
                self._stretch[slot] = update.magnitude.to(self.weight) / moved.norm(dim=1)
        return sum(part.nbytes for part in (update.down, update.up, update.magnitude) if part is not None)

    def clear(self, slot: int) -> None:
        """Make a slot change nothing."""
        if slot < len(self._down):
            self._down[slot] = 0
            self._up[slot] = 0
            if self._stretch is not None and slot < len(self._stretch):
                self._stretch[slot] = 1
        else:
            self._down = _grown(self._down, (slot + 1, *self._down.shape[1:]))
            self._up = _grown(self._up, (slot + 1, *self._up.shape[1:]))
            if self._stretch is not None:
                self._stretch = _grown(self._stretch, (slot + 1, self._stretch.shape[1]), fill=1.0)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """The base's product and each row's own update."""
        slots = self._rows.slots
        # Each pass over the outputs costs about as much as the small products, so there are as few as may be.
        result = linear(states, self.weight, self.bias if self._stretch is None else None)
        # index_select copies rows whole: seven times as fast as indexing. What so few rows need stays in a CPU's cache.
        count = _ROWS if states.device.type == "cpu" else len(states)
        for own, sums, some in zip(states.split(count), result.split(count), slots.split(count), strict=True):
            down, up = self._down.index_select(0, some), self._up.index_select(0, some)
            sums.baddbmm_(torch.bmm(own, down), up)
        if self._stretch is not None:
            result *= self._stretch.index_select(0, slots).unsqueeze(1)
            if self.bias is not None:
                result += self.bias
        return result


class _Heads(torch.nn.Module):
    """Heads of all adapters; their outputs are filled up to the same number."""

    def __init__(self, width: int, rows: _Rows, device: str) -> None:
        super().__init__()
        self._rows = rows
        self._weight = torch.zeros((0, width, 1), device=device)
        self._bias = torch.zeros((0, 1, 1), device=device)

    def put(self, slot: int, head: Mapping[str, torch.Tensor]) -> int:
        """Put a head into a slot; says how many bytes it has."""
        weight = next(value for name, value in head.items() if name.endswith(".weight"))
        bias = next(value for name, value in head.items() if name.endswith(".bias"))
        tags, slots = max(len(bias), self._bias.shape[2]), max(slot + 1, len(self._bias))
        self._weight = _grown(self._weight, (slots, self._weight.shape[1], tags))
        self._bias = _grown(self._bias, (slots, 1, tags))
        self._weight[slot, :, : len(bias)] = weight.T
        self._bias[slot, 0, : len(bias)] = bias
        return weight.nbytes + bias.nbytes

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Each row's logits by its own head."""
        slots = self._rows.slots
        bias, weight = self._bias.index_select(0, slots), self._weight.index_select(0, slots)
        return torch.baddbmm(bias.to(states), states, weight.to(states))


def _grown(stack: torch.Tensor, shape: tuple[int, ...], fill: float = 0.0) -> torch.Tensor:
    """A tensor of at least this shape with the old one in its corner."""
    if stack.shape == shape:
        return stack
    result = stack.new_full(shape, fill)
    result[tuple(slice(size) for size in stack.shape)] = stack
    return result
