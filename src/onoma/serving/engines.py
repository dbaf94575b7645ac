"""What a service extracts with: adapters of one base together in a bank, everything else by itself."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from onoma.document import Document
from onoma.errors import ModelError, OnomaError, nearest
from onoma.extractors.base import Extractor
from onoma.extractors.load import load
from onoma.models import generator_card
from onoma.models.bases import resolve_base
from onoma.models.exports import KIND, kind_of
from onoma.models.runs import RunCard
from onoma.serving.batcher import Batcher

if TYPE_CHECKING:
    from onoma.extractors.bank import BankExtractor
    from onoma.models.generators import AdapterShelf

_EXPORTED = {KIND, generator_card.EXPORT_KIND}
_ALONE = {*_EXPORTED, generator_card.KIND}
MEMORY = 512 * 1024 * 1024
"""Bytes that the adapters of one base may take; those not used for the longest time make room."""


@dataclass(frozen=True)
class Served:
    """An extractor that a service offers.

    Args:
        name: that requests use.
        kind: ``adapter`` (on a base that others share), ``run`` (by itself), ``onnx`` or ``other``.
        labels: entity types that it can give; empty where it takes any.
        base: of a tagger, as its run names it.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    base: str = ""


def find(served: Mapping[str, Served], name: str | None) -> Served:
    """The extractor of a name; without a name, the only one.

    Raises:
        ModelError: if there is none of that name, or there are several to choose from.
    """
    if name is None and len(served) == 1:
        return next(iter(served.values()))
    if name is None:
        raise ModelError("no adapter is named", mend=f"Name one: {', '.join(sorted(served)) or 'none is loaded'}.")
    if name not in served:
        raise ModelError(f"no adapter {name!r}", mend=nearest(name, served))
    return served[name]


class Engines:
    """Extractors by name. Documents for several adapters of one base go through it in the same batches.

    Any thread may call; all the work is done in one thread, one call at a time.

    Args:
        memory: bytes of resident adapters, for each base.

    Examples:
        >>> engines = Engines()  # doctest: +SKIP
        >>> engines.add("assamese", Path("runs/assamese"))  # doctest: +SKIP
        >>> engines.extract([Document("গুৱাহাটী এখন মহানগৰ।")], ["assamese"])  # doctest: +SKIP
    """

    def __init__(self, *, memory: int = MEMORY) -> None:
        self._memory = memory
        # OpenMP keeps threads for every thread that has called it, and lets them sleep sooner when there are more of
        # them than cores: a model that is loaded in one thread and used in another is a fifth slower.
        self._thread = ThreadPoolExecutor(1, "onoma-engines")
        self._served: dict[str, Served] = {}
        self._banks: dict[str, BankExtractor] = {}
        # By name: the bank that an adapter is in, or the extractor itself.
        self._bank_of: dict[str, BankExtractor] = {}
        self._alone: dict[str, Extractor] = {}
        # Bases of generators by checksum, and the one that a generator's adapter is on.
        self._shelves: dict[str, AdapterShelf] = {}
        self._shelf_of: dict[str, AdapterShelf] = {}

    @property
    def served(self) -> Mapping[str, Served]:
        """What is offered, by name."""
        return dict(self._served)

    def find(self, name: str | None) -> Served:
        """The extractor of a name; without a name, the only one.

        Raises:
            ModelError: if there is none of that name, or there are several to choose from.
        """
        return find(self.served, name)

    def add(self, name: str, path: Path) -> Served:
        """Load a run, an export, or a file of rules or of an endpoint; one of that name is replaced.

        Raises:
            OnomaError: if it cannot be loaded; a former one of that name then stays.
        """
        return self._thread.submit(self._add, name, path).result()

    def remove(self, name: str) -> None:
        """Stop offering an extractor.

        Raises:
            ModelError: if there is none of that name.
        """
        self._thread.submit(self._remove, name).result()

    def discard(self, name: str) -> None:
        """Stop offering an extractor once what is under way is done, without waiting; finalizers may call it too."""
        # Finalizers also run while the process ends.
        with contextlib.suppress(RuntimeError):
            self._thread.submit(self._remove, name)

    def extract(self, documents: Sequence[Document], names: Sequence[str]) -> list[Document | OnomaError]:
        """Find entities in each document with the extractor named beside it.

        A failure is the answer for the documents that it concerns, and does not touch the others.

        Args:
            documents: any number.
            names: an extractor for each.
        """
        return self._thread.submit(self._extract_all, documents, names).result()

    def batcher(self, batch: int, waiting: int) -> Batcher:
        """What takes requests: ``batch`` characters at a time, of at most ``waiting``."""
        return Batcher(self.extract, batch=batch, waiting=waiting)

    def window_starts(self, document: Document, name: str) -> list[int]:
        """Offsets at which a further window begins, where a document is longer than an extractor reads at a time.

        Raises:
            ModelError: if there is none of that name.
        """
        return self._thread.submit(self._window_starts, document, name).result()

    def _extract_all(self, documents: Sequence[Document], names: Sequence[str]) -> list[Document | OnomaError]:
        result: list[Document | OnomaError] = list(documents)
        groups: dict[int, list[int]] = {}
        for number, name in enumerate(names):
            groups.setdefault(id(self._bank_of.get(name) or self._alone.get(name)), []).append(number)
        for numbers in groups.values():
            try:
                found: Sequence[Document | OnomaError] = self._extract(
                    [documents[number] for number in numbers], [names[number] for number in numbers]
                )
            except OnomaError as error:
                found = [error] * len(numbers)
            for number, document in zip(numbers, found, strict=True):
                result[number] = document
        return result

    def _window_starts(self, document: Document, name: str) -> list[int]:
        self.find(name)
        bank = self._bank_of.get(name)
        return (bank.extractor(name) if bank else self._alone[name]).window_starts(document)

    def _extract(self, documents: Sequence[Document], names: Sequence[str]) -> list[Document]:
        """All documents are for one bank, or for one extractor."""
        self.find(names[0])
        if names[0] in self._bank_of:
            return self._bank_of[names[0]].extract(documents, names)
        return self._alone[names[0]].extract(documents)

    def _add(self, name: str, path: Path) -> Served:
        kind = kind_of(path)
        if kind == generator_card.KIND and (own := generator_card.GeneratorCard.read(path)).method != "full":
            return self._switch(name, path, own)
        if path.is_dir() and kind not in _ALONE and (card := RunCard.read(path)).method != "full":
            from onoma.models.bank import NotSharedError

            with contextlib.suppress(NotSharedError):
                return self._share(name, path, card)
        alone = load(path)
        if name in self._served:
            self._forget(name)
        self._alone[name] = alone
        shown = "onnx" if kind in _EXPORTED else "run" if path.is_dir() else "other"
        self._served[name] = Served(name, shown, tuple(alone.labels))
        return self._served[name]

    def _remove(self, name: str) -> None:
        self.find(name)
        self._forget(name)

    def _switch(self, name: str, path: Path, card: generator_card.GeneratorCard) -> Served:
        """A generator on a base that it shares with others; its adapter is made the active one when it is its turn."""
        from onoma.extractors.generator import GeneratorExtractor, GeneratorSettings
        from onoma.models.generators import AdapterShelf, base_of

        if card.base_checksum not in self._shelves:
            self._shelves[card.base_checksum] = AdapterShelf(base_of(path, card))
        shelf = self._shelves[card.base_checksum]
        shelf.add(name, path, card)
        if name in self._served and self._shelf_of.get(name) is not shelf:
            self._forget(name)
        self._shelf_of[name] = shelf
        self._alone[name] = GeneratorExtractor(
            shelf.decoder, GeneratorSettings.of(card), prepare=lambda: shelf.use(name)
        )
        self._served[name] = Served(name, "adapter", card.labels, card.base)
        return self._served[name]

    def _share(self, name: str, path: Path, card: RunCard) -> Served:
        bank, former = self._bank(card), self._bank_of.get(name)
        bank.add(name, path)
        if former is not None and former is not bank:
            former.remove(name)
        self._alone.pop(name, None)
        self._bank_of[name] = bank
        self._served[name] = Served(name, "adapter", card.labels, card.base)
        return self._served[name]

    def _bank(self, card: RunCard) -> BankExtractor:
        from onoma.extractors.bank import BankExtractor
        from onoma.models.torch_logits import default_device

        key = f"{card.base_checksum} {card.layers}"
        if key not in self._banks:
            base = resolve_base(card.base, revision=card.base_revision)
            self._banks[key] = BankExtractor(base, layers=card.layers, memory=self._memory, device=default_device())
        return self._banks[key]

    def _forget(self, name: str) -> None:
        bank = self._bank_of.pop(name, None)
        if bank is not None:
            bank.remove(name)
        shelf = self._shelf_of.pop(name, None)
        if shelf is not None:
            shelf.remove(name)
        self._alone.pop(name, None)
        del self._served[name]
