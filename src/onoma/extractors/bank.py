"""Many taggers on one base: documents for different ones go through the base together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from onoma.alignment import WordEncoder
from onoma.document import Document
from onoma.errors import ModelError, nearest
from onoma.extractors.base import Extractor, Input, as_document
from onoma.extractors.tagger import Reading, TaggerSettings, decode, encode_windows, score
from onoma.models.adapters import ADAPTER_WEIGHTS
from onoma.models.bank import AdapterBank
from onoma.models.bases import Base
from onoma.models.runs import RunCard


@dataclass(frozen=True)
class _Known:
    """A run that the bank may be asked for."""

    run: Path
    settings: TaggerSettings
    encoder: WordEncoder
    size: int


class BankExtractor:
    """Finds entities with any of several adapters, each text with its own.

    Adapters are loaded when they are first needed. With a bound on memory those that were not used for the longest time
    make room, and come back when they are asked for. One thread at a time may use it.

    Args:
        base: that all adapters were trained on.
        layers: how many of its layers the runs keep, or None for all.
        memory: bytes that resident adapters may take; None for no bound.
        budget: padded pieces of a batch.
        device: of the weights.

    Examples:
        >>> bank = BankExtractor(resolve_base("bundled:multilingual-e5-small"))  # doctest: +SKIP
        >>> bank.add("assamese", Path("runs/assamese"))  # doctest: +SKIP
        >>> bank.add("it", Path("runs/it"))  # doctest: +SKIP
        >>> bank.extract(["গুৱাহাটী এখন মহানগৰ।", "Java 8 on Ubuntu"], ["assamese", "it"])  # doctest: +SKIP
    """

    def __init__(
        self,
        base: Base,
        *,
        layers: int | None = None,
        memory: int | None = None,
        budget: int = 2048,
        device: str = "cpu",
    ) -> None:
        self._bank = AdapterBank(base, layers=layers, device=device)
        self._memory = memory
        self._budget = budget
        self._known: dict[str, _Known] = {}
        self._encoders: dict[tuple[tuple[str, ...], bool], WordEncoder] = {}
        # Resident adapters, those used last at the end.
        self._used: dict[str, None] = {}

    @property
    def base(self) -> Base:
        """Base of all adapters."""
        return self._bank.base

    @property
    def names(self) -> tuple[str, ...]:
        """Adapters that may be asked for."""
        return tuple(self._known)

    @property
    def resident(self) -> tuple[str, ...]:
        """Adapters in memory, the one used last at the end."""
        return tuple(self._used)

    def add(self, name: str, run: Path) -> None:
        """Make a run's adapter known and load it; one of that name is replaced.

        Raises:
            ModelError: if it was trained on another base, or cannot share one with others; a former adapter of that
                name then stays.
        """
        card = RunCard.read(run)
        encoder = self._encoder(card)
        self._bank.add(name, run)
        settings = TaggerSettings.of(card, self.base.max_pieces)
        self._known[name] = _Known(run, settings, encoder, (run / ADAPTER_WEIGHTS).stat().st_size)
        self._touch(name)
        self._make_room({name})

    def remove(self, name: str) -> None:
        """Forget an adapter.

        Raises:
            ModelError: if there is none of that name.
        """
        self._find(name)
        del self._known[name]
        if name in self._used:
            del self._used[name]
            self._bank.remove(name)

    def settings(self, name: str) -> TaggerSettings:
        """Label set, windows and thresholds of an adapter."""
        return self._find(name).settings

    def extract(self, texts: Sequence[Input], adapters: Sequence[str]) -> list[Document]:
        """Find entities in each text with the adapter named beside it; answers in the same order.

        Args:
            texts: texts or documents.
            adapters: a name for each.

        Raises:
            ModelError: if there is no adapter of a name, or its files are gone.
        """
        documents = [as_document(text) for text in texts]
        result: list[Document] = list(documents)
        for names in self._groups(dict.fromkeys(adapters)):
            self._load(names)
            chosen = [number for number, name in enumerate(adapters) if name in names]
            found = self._extract([documents[number] for number in chosen], [adapters[number] for number in chosen])
            for number, document in zip(chosen, found, strict=True):
                result[number] = document
        return result

    def read(self, document: Document, name: str) -> Reading:
        """A document cut into windows for an adapter."""
        one = self._find(name)
        return Reading(document, one.settings, encode_windows(document, one.encoder, one.settings))

    def extractor(self, name: str) -> Extractor:
        """One adapter as an ordinary extractor."""
        self._find(name)
        return _OneOf(self, name)

    def _extract(self, documents: Sequence[Document], adapters: Sequence[str]) -> list[Document]:
        readings = [self.read(document, name) for document, name in zip(documents, adapters, strict=True)]
        scores = score(
            readings,
            lambda ids, mask, rows: self._bank.logits(ids, mask, [adapters[row] for row in rows]),
            pad_id=next(iter(self._encoders.values())).pad,
            budget=self._budget,
        )
        result: list[Document] = list(documents)
        for name in dict.fromkeys(adapters):
            own = [number for number, other in enumerate(adapters) if other == name]
            decoded = decode([readings[n] for n in own], [scores[n] for n in own], self._known[name].settings)
            for number, document in zip(own, decoded, strict=True):
                result[number] = document
        return result

    def _groups(self, names: dict[str, None]) -> Iterator[set[str]]:
        """The adapters that are needed, in sets that fit into memory together, or alone where one does not."""
        group: set[str] = set()
        size = 0
        for name in names:
            own = self._find(name).size
            if group and self._memory is not None and size + own > self._memory:
                yield group
                group, size = set(), 0
            group.add(name)
            size += own
        if group:
            yield group

    def _load(self, names: set[str]) -> None:
        self._make_room(names)
        for name in names:
            if name not in self._used:
                self._bank.add(name, self._known[name].run)
            self._touch(name)

    def _touch(self, name: str) -> None:
        self._used.pop(name, None)
        self._used[name] = None

    def _make_room(self, wanted: set[str]) -> None:
        """Take out the adapters that were not used for the longest time until the wanted ones fit."""
        if self._memory is None:
            return
        size = sum(self._known[name].size for name in {*self._used, *wanted})
        for name in [name for name in self._used if name not in wanted]:
            if size <= self._memory:
                return
            del self._used[name]
            self._bank.remove(name)
            size -= self._known[name].size

    def _encoder(self, card: RunCard) -> WordEncoder:
        key = (card.rewrite, card.mark_casing)
        if key not in self._encoders:
            self._encoders[key] = WordEncoder.from_folder(self.base.folder, card.rewrite, mark_casing=card.mark_casing)
        return self._encoders[key]

    def _find(self, name: str) -> _Known:
        if name not in self._known:
            raise ModelError(f"no adapter {name!r}", mend=nearest(name, self._known))
        return self._known[name]


class _OneOf(Extractor):
    """One adapter of a bank."""

    def __init__(self, bank: BankExtractor, name: str) -> None:
        self._bank = bank
        self._name = name

    @property
    def labels(self) -> tuple[str, ...]:
        """Entity types that it can give."""
        return self._bank.settings(self._name).labels

    def extract_block(self, documents: Sequence[Document]) -> list[Document]:
        """See :class:`onoma.extractors.Extractor`."""
        return self._bank.extract(documents, [self._name] * len(documents))

    def window_starts(self, document: Document) -> list[int]:
        """See :class:`onoma.extractors.Extractor`."""
        return self._bank.read(document, self._name).starts()
