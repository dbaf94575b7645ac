"""What every decoder backend is asked and gives back, and how the next piece is chosen under a grammar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from onoma.errors import ModelError

if TYPE_CHECKING:
    from onoma.models.vocabulary import Vocabulary


@dataclass(frozen=True)
class Request:
    """A text to write on.

    Args:
        prefix: pieces that many requests begin with; what a decoder makes of them it keeps.
        pieces: that follow them, at least one.
        grammar: that the answer is held to, in llguidance's Lark; None for no grammar.
        most: pieces of the longest answer.
    """

    prefix: tuple[int, ...]
    pieces: tuple[int, ...]
    grammar: str | None
    most: int


@dataclass(frozen=True)
class Written:
    """An answer.

    Args:
        pieces: without the one that ends it.
        probabilities: of each piece, given those before it and the grammar; 1 where the grammar left no choice.
        whole: False if ``most`` cut it off.
        steps: times that the model was asked for it.
    """

    pieces: tuple[int, ...]
    probabilities: tuple[float, ...]
    whole: bool
    steps: int


class Decoder(Protocol):
    """A language model that continues texts greedily."""

    vocabulary: Vocabulary

    @property
    def longest(self) -> int:
        """Pieces of prompt and answer together that the base can read."""

    def write(self, requests: Sequence[Request]) -> list[Written]:
        """Answers in the order of the requests; the same for the same requests."""


class Guide:
    """An answer that grows piece by piece, held to its grammar if it has one.

    Args:
        request: what is asked.
        vocabulary: of the model.

    Attributes:
        done: True when the answer is at its end.

    Raises:
        ModelError: if the grammar cannot be read.
    """

    def __init__(self, request: Request, vocabulary: Vocabulary) -> None:
        self.done = False
        self._end = vocabulary.end
        self._most = request.most
        self._pieces: list[int] = []
        self._probabilities: list[float] = []
        self._steps = 0
        self._whole = False
        self._matcher = None
        if request.grammar is not None:
            from llguidance import LLMatcher

            self._matcher = LLMatcher(vocabulary.guide, request.grammar, log_level=0)
            if self._matcher.get_error():
                raise ModelError(f"a grammar cannot be read ({self._matcher.get_error()[:200]})")

    def forced(self) -> list[int]:
        """Pieces that must come next; they are taken at once."""
        if self._matcher is None or self.done:
            return []
        ahead = self._matcher.compute_ff_tokens()
        if ahead:
            self._matcher.consume_tokens(ahead)
            self._pieces += ahead
            self._probabilities += [1.0] * len(ahead)
        self._settle()
        return [] if self.done else list(ahead)

    def choose(self, logits: npt.NDArray[np.float32]) -> list[int]:
        """Take the likeliest piece that may come next, and those that are forced behind it.

        Args:
            logits: of all pieces, shape ``(vocabulary,)``; changed in place.

        Returns:
            What the model is to read next; nothing if the answer is at its end.
        """
        self._steps += 1
        if self._matcher is not None:
            allowed = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), np.uint8), bitorder="little")
            logits[~allowed[: len(logits)].astype(bool)] = -np.inf
        piece = int(logits.argmax())
        probability = float(1.0 / np.exp(logits - logits[piece]).sum(dtype=np.float64))
        if self._matcher is not None:
            self._matcher.consume_token(piece)
        if piece == self._end:
            self.done = self._whole = True
            return []
        self._pieces.append(piece)
        self._probabilities.append(probability)
        self._settle()
        return [] if self.done else [piece, *self.forced()]

    def written(self) -> Written:
        """The answer as far as it goes."""
        return Written(tuple(self._pieces), tuple(self._probabilities), self._whole, self._steps)

    def _settle(self) -> None:
        if self._matcher is not None and self._matcher.is_stopped():
            self.done = self._whole = True
        elif len(self._pieces) >= self._most:
            self.done = True
