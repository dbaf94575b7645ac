"""A decoder run by torch: batches of answers that grow together, prompts' beginnings read once, adapters by name."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from onoma.models.vocabulary import Vocabulary
from onoma.models.writing import Guide, Request, Written

if TYPE_CHECKING:
    import torch

_PREFIXES = 8
"""Beginnings whose keys and values are kept."""

_CPU_BUDGET = 2048
_GPU_BUDGET = 16384
"""Pieces of prompts that are read together: a GPU takes many rows in the time of one."""


class TorchDecoder:
    """Continues texts with a causal language model of transformers.

    Args:
        model: in evaluation mode, on its device.
        vocabulary: of its base.
        budget: pieces of prompts that are read together; by the device if None.

    Attributes:
        model: the model; with PEFT adapters on it, its active adapter answers.
        vocabulary: of its base.
    """

    def __init__(self, model: Any, vocabulary: Vocabulary, *, budget: int | None = None) -> None:
        from onoma.models.products import quicken_linears

        quicken_linears(model)
        self.model = model
        self.vocabulary = vocabulary
        self._budget = budget or (_CPU_BUDGET if self._device.type == "cpu" else _GPU_BUDGET)
        self._prefixes: OrderedDict[tuple[str, tuple[int, ...]], Any] = OrderedDict()

    @property
    def longest(self) -> int:
        """Pieces of prompt and answer together that the base can read."""
        return int(getattr(self.model.config, "max_position_embeddings", 2048))

    def forget(self) -> None:
        """Forget what was made of prompts' beginnings; needed when weights change."""
        self._prefixes.clear()

    def write(self, requests: Sequence[Request]) -> list[Written]:
        """See :class:`onoma.models.writing.Decoder`."""
        import torch

        order = sorted(range(len(requests)), key=lambda row: (requests[row].prefix, len(requests[row].pieces)))
        done: dict[int, Written] = {}
        with torch.inference_mode():
            while order:
                batch = [order.pop()]
                # The longest comes first, so it says what the others are padded to.
                most = max(1, self._budget // len(requests[batch[0]].pieces))
                while order and len(batch) < most and requests[order[-1]].prefix == requests[batch[0]].prefix:
                    batch.append(order.pop())
                done |= zip(batch, self._batch([requests[row] for row in batch]), strict=True)
        return [done[row] for row in range(len(requests))]

    def _batch(self, requests: Sequence[Request]) -> list[Written]:
        """Answers to requests with one prefix."""
        import torch

        guides = [Guide(request, self.vocabulary) for request in requests]
        live = list(range(len(requests)))
        chunks = [[*request.pieces, *guide.forced()] for request, guide in zip(requests, guides, strict=True)]
        prefix = requests[0].prefix
        cache = self._begin(prefix, len(requests))
        mask = torch.ones((len(requests), len(prefix)), dtype=torch.long)
        lengths = torch.full((len(requests),), len(prefix))
        while True:
            stay = [place for place, row in enumerate(live) if not guides[row].done]
            if len(stay) < len(live):
                if not stay:
                    return [guide.written() for guide in guides]
                kept = torch.tensor(stay)
                cache.batch_select_indices(kept.to(self._device))
                mask, lengths = mask[kept], lengths[kept]
                live, chunks = [live[place] for place in stay], [chunks[place] for place in stay]
            logits, mask, lengths = self._read(chunks, cache, mask, lengths)
            rows = logits.float().cpu().numpy()
            chunks = [guides[row].choose(scores) for row, scores in zip(live, rows, strict=True)]

    def _read(
        self, chunks: Sequence[Sequence[int]], cache: Any, mask: torch.Tensor, lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Read some pieces of each row, filled up on the left; gives the logits behind the last, mask and lengths."""
        import torch

        width = max(map(len, chunks))
        ids = torch.full((len(chunks), width), self.vocabulary.end)
        new = torch.zeros((len(chunks), width), dtype=torch.long)
        for row, chunk in enumerate(chunks):
            ids[row, width - len(chunk) :] = torch.tensor(chunk)
            new[row, width - len(chunk) :] = 1
        positions = (lengths.unsqueeze(1) + new.cumsum(1) - 1).clamp(min=0)
        mask = torch.cat([mask, new], dim=1)
        output = self.model(
            input_ids=ids.to(self._device),
            attention_mask=mask.to(self._device),
            position_ids=positions.to(self._device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1], mask, lengths + new.sum(1)

    def _begin(self, prefix: tuple[int, ...], rows: int) -> Any:
        """A cache that holds a prefix in each of some rows."""
        import copy

        import torch
        from transformers import DynamicCache

        if not prefix:
            return DynamicCache(config=self.model.config)
        key = (str(getattr(self.model, "active_adapter", "")), prefix)
        if key not in self._prefixes:
            fresh = DynamicCache(config=self.model.config)
            ids = torch.tensor([prefix], device=self._device)
            self.model(input_ids=ids, past_key_values=fresh, use_cache=True, logits_to_keep=1)
            self._prefixes[key] = fresh
            if len(self._prefixes) > _PREFIXES:
                self._prefixes.popitem(last=False)
        self._prefixes.move_to_end(key)
        cache = copy.deepcopy(self._prefixes[key])
        cache.batch_repeat_interleave(rows)
        return cache

    @property
    def _device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device
