"""Workers: a function on many items, here or on a cluster, results in order and few items waiting."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Literal, TypeVar

from onoma.errors import OnomaError

Item = TypeVar("Item")
Made = TypeVar("Made")
Engine = Literal["local", "ray"]
AHEAD = 3
"""Items a worker that may wait, so that none idles and memory stays flat."""


class Workers(ABC):
    """Processes that each make their function once, which may load a model, and then apply it to item after item."""

    count: int

    @abstractmethod
    def map(self, make: Callable[[], Callable[[Item], Made]], items: Iterable[Item]) -> Iterator[Made]:
        """Apply a function to items.

        Args:
            make: makes the function; called once in each worker, so it and the items can be pickled.
            items: read no further ahead than the workers need.

        Returns:
            Results in the order of the items.

        Raises:
            OnomaError: that the function raised, or if a worker was killed and nobody could take its place.

        Examples:
            >>> list(LocalWorkers(1).map(lambda: str.upper, ["a", "b"]))
            ['A', 'B']
        """


class LocalWorkers(Workers):
    """Processes of this machine; one worker is this process itself.

    Args:
        count: of them.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def map(self, make: Callable[[], Callable[[Item], Made]], items: Iterable[Item]) -> Iterator[Made]:
        """See :meth:`Workers.map`."""
        if self.count == 1:
            yield from map(make(), items)
            return
        waiting: deque[Future[Made]] = deque()
        # A fresh process has none of the threads of this one, which a forked process would wait for in vain.
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.count, mp_context=spawn, initializer=_begin, initargs=(make, self.count)) as pool:
            try:
                for item in items:
                    waiting.append(pool.submit(_work, item))
                    if len(waiting) >= self.count * AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            except BrokenProcessPool as error:
                raise OnomaError(
                    "a worker process ended at once",
                    mend="Perhaps memory ran out: try fewer --workers. What was finished is kept.",
                ) from error
            finally:
                for future in waiting:
                    future.cancel()


@contextlib.contextmanager
def open_workers(engine: Engine, count: int, address: str | None = None) -> Iterator[Workers]:
    """Workers for as long as the context lasts.

    Args:
        engine: ``local``, or ``ray``, which needs the extra of that name.
        count: of workers.
        address: of a Ray cluster, such as ``auto`` or ``ray://host:10001``; without one a cluster is started here.

    Raises:
        OnomaError: if Ray is not installed or the cluster cannot be reached.
    """
    if engine == "local":
        if address is not None:
            raise OnomaError("only Ray has an address", where="--address", mend="Add --engine ray.")
        yield LocalWorkers(count)
        return
    from onoma.scale.ray_workers import open_ray

    with open_ray(count, address) as workers:
        yield workers


_function: list[Callable[[Any], Any]] = []


def _begin(make: Callable[[], Callable[[Any], Any]], count: int) -> None:
    # Runtimes read it when they are loaded, which is in `make`; each would take all cores for itself.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    _function[:] = [make()]


def _work(item: Any) -> Any:
    return _function[0](item)
