"""Workers as actors on Ray (https://arxiv.org/abs/1712.05889)."""

from __future__ import annotations

import contextlib
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from onoma.errors import OnomaError
from onoma.scale.workers import AHEAD, Item, Made, Workers

_TRIES = 3
"""How often work is done again whose worker was lost: often enough for a lost machine, not for work that kills."""


@dataclass(frozen=True)
class Share:
    """What one of several processes gets of a cluster.

    Args:
        cpus: cores.
        gpus: 1 if there are enough for all, else 0.
    """

    cpus: int
    gpus: int

    @classmethod
    def of(cls, count: int) -> Share:
        """An equal share for each of ``count`` processes."""
        import ray

        resources = ray.cluster_resources()
        return cls(max(1, int(resources.get("CPU", 1)) // count), int(resources.get("GPU", 0) >= count))


class RayWorkers(Workers):
    """Actors that Ray places where there is room, and starts again elsewhere when one is lost.

    Actors rather than Ray Data: an item is a shard's place on disk or a block that this process reads, results are
    small and wanted in order, so there is no data set for Ray to hold.

    Args:
        count: of actors; the cluster's cores, and GPUs if there are enough, are divided among them.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def map(self, make: Callable[[], Callable[[Item], Made]], items: Iterable[Item]) -> Iterator[Made]:
        """See :meth:`Workers.map`."""
        import ray

        share = Share.of(self.count)
        actor = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus, max_restarts=-1, max_task_retries=_TRIES)(_Worker)
        actors: list[Any] = [actor.remote(make) for _ in range(self.count)]
        waiting: deque[Any] = deque()
        busy: dict[Any, int] = {}
        try:
            for item in items:
                for done in ray.wait(list(busy), num_returns=len(busy), timeout=0)[0] if busy else ():
                    del busy[done]
                loads = list(busy.values())
                chosen = min(range(self.count), key=loads.count)
                waiting.append(actors[chosen].work.remote(item))
                busy[waiting[-1]] = chosen
                if len(waiting) >= self.count * AHEAD:
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        finally:
            for one in actors:
                ray.kill(one)


class _Worker:
    def __init__(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        self._make = make
        self._function: Callable[[Any], Any] | None = None

    def work(self, item: Any) -> Any:
        # Made here, since what is raised while an actor starts comes back as a lost actor.
        if self._function is None:
            self._function = self._make()
        return self._function(item)


def _result(reference: Any) -> Any:
    import ray
    from ray.exceptions import RayActorError, RayTaskError

    try:
        return ray.get(reference)
    except RayTaskError as error:
        raise task_error(error) from None
    except RayActorError as error:
        raise OnomaError(
            f"the workers of some work were lost, {_TRIES + 1} times",
            mend="Perhaps memory ran out: try fewer --workers. What was finished is kept.",
        ) from error


def task_error(error: Any) -> Exception:
    """What to raise for an error in another process: ours as it was, else Ray's, which shows where it came from."""
    cause: Exception | None = error.cause
    return cause if isinstance(cause, OnomaError) else error


@contextlib.contextmanager
def open_ray(count: int, address: str | None) -> Iterator[RayWorkers]:
    """Connect to a cluster, or start one here that ends with the context.

    Raises:
        OnomaError: if Ray is not installed or the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise OnomaError("Ray is not installed", mend="Install it with: pip install 'onoma[ray]'.") from error
    begun = not ray.is_initialized()
    try:
        if begun:
            ray.init(
                address=address,
                num_cpus=None if address else max(count, os.cpu_count() or 1),
                include_dashboard=None if address else False,
                logging_level=logging.ERROR,
                log_to_driver=False,
            )
    except (ConnectionError, ValueError) as error:
        said = str(error).strip().splitlines()[0]
        raise OnomaError(f"no Ray cluster answers ({said})", where=f"--address {address}") from error
    try:
        yield RayWorkers(count)
    finally:
        if begun:
            ray.shutdown()
