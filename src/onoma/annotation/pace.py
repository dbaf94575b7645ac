"""How fast to ask a server whose limit nobody told: faster while it answers, slower when it refuses."""

from __future__ import annotations

from collections.abc import Callable

_SLOWER = 0.85
_NEAR = 0.92
_FASTER_FIRST, _FASTER_FAR, _FASTER_NEAR = 0.5, 0.2, 0.001
"""How much an answer adds to the rate: before any refusal, below the rate of the last one, and near it."""


class Pace:
    """Additive increase, multiplicative decrease of requests a second.

    After a refusal the rate falls, once for all refusals of the same second, and then grows quickly up to a little
    below where it was refused and slowly from there, so that a server's limit is approached, not stormed (after Ha,
    Rhee and Xu 2008, https://doi.org/10.1145/1400097.1400105, for networks). Whoever asks waits for :meth:`delay` one
    after the other, so that a new rate counts at once.

    Args:
        rate: requests a second to begin with.
        clock: seconds, rising.

    Examples:
        >>> pace = Pace(10, clock=lambda: 0.0)
        >>> pace.refused()
        >>> pace.rate
        8.5
    """

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self.rate = rate
        self._clock = clock
        self._refused_at: float | None = None
        self._limit = float("inf")
        self._resume = 0.0
        self._next = clock()

    def delay(self) -> float:
        """Take the next place in line; says how many seconds from now it is."""
        now = self._clock()
        start = max(now, self._next, self._resume)
        self._next = start + 1 / self.rate
        return start - now

    def answered(self) -> None:
        """Note an answer: the rate grows."""
        if self._refused_at is None:
            self.rate += _FASTER_FIRST
        else:
            self.rate += _FASTER_FAR if self.rate < _NEAR * self._limit else _FASTER_NEAR

    def refused(self, wait: float = 0.0) -> None:
        """Note a refusal for asking too often.

        Args:
            wait: seconds that the server wants us to wait.
        """
        now = self._clock()
        self._resume = max(self._resume, now + wait)
        if self._refused_at is None or now - self._refused_at > 1.0:
            self._refused_at = now
            self._limit = self.rate
            self.rate = max(0.1, self.rate * _SLOWER)
