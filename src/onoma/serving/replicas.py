"""A service's extractors in several processes, on one machine or a cluster, by Ray Serve."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from onoma.document import Document
from onoma.errors import OnomaError
from onoma.scale.ray_workers import Share, open_ray, task_error
from onoma.serving.batcher import Batcher, QueueFullError
from onoma.serving.engines import Engines, Served, find

_NAME = "onoma"
_ADAPTERS = 128
"""Most extractors in a replica; those not used for the longest time make room."""
_ONGOING = 256
"""Requests that a replica has at a time; they wait in its batcher, where they make batches."""


class ReplicatedEngines:
    """Extractors by name, as :class:`onoma.serving.engines.Engines`, in replicas that each batch by themselves.

    A request goes to a replica that has its adapter loaded, as long as one is not busy (Ray Serve's model
    multiplexing); so adapters spread over the replicas, and popular ones are in several.

    Args:
        handle: of the deployment.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._lock = threading.Lock()
        self._loaded = 0
        self._served: dict[str, tuple[Served, str]] = {}

    @property
    def served(self) -> Mapping[str, Served]:
        """What is offered, by name."""
        return {name: served for name, (served, _) in self._served.items()}

    def find(self, name: str | None) -> Served:
        """See :meth:`Engines.find`."""
        return find(self.served, name)

    def add(self, name: str, path: Path) -> Served:
        """See :meth:`Engines.add`; the path is one that all replicas can read."""
        with self._lock:
            self._loaded += 1
            # A run that is loaded again under its name is another one, since its files may have changed.
            model = f"{self._loaded} {path.absolute()}"
        with _raised():
            shown = self._to(model).describe.remote(model).result()
        self._served[name] = (replace(shown, name=name), model)
        return self._served[name][0]

    def remove(self, name: str) -> None:
        """See :meth:`Engines.remove`."""
        self.find(name)
        del self._served[name]

    def batcher(self, batch: int, waiting: int) -> ReplicatedBatcher:
        """What takes requests."""
        return ReplicatedBatcher(self, batch, waiting)

    def submit(self, documents: Sequence[Document], name: str, seconds: float, bounds: tuple[int, int]) -> Any:
        """Send a request to a replica; gives what can be awaited."""
        model = self._served[self.find(name).name][1]
        return self._to(model).extract.remote(model, list(documents), seconds, bounds)

    def _to(self, model: str) -> Any:
        return self._handle.options(multiplexed_model_id=model)


class ReplicatedBatcher:
    """Takes requests as :class:`Batcher` does; the queue is divided among the replicas' own.

    Args:
        engines: that answer.
        batch: characters that a replica takes at a time.
        waiting: characters that may wait in a replica.
    """

    def __init__(self, engines: ReplicatedEngines, batch: int, waiting: int) -> None:
        self._engines = engines
        self._bounds = (batch, waiting)
        self.waiting = 0
        self.alive = True

    def submit(self, documents: Sequence[Document], name: str, *, seconds: float) -> asyncio.Task[list[Document]]:
        """See :meth:`Batcher.submit`; to be called in an event loop, which then has the answer."""
        return asyncio.get_running_loop().create_task(self._ask(documents, name, seconds))

    def close(self) -> None:
        """Take no more."""
        self.alive = False

    async def _ask(self, documents: Sequence[Document], name: str, seconds: float) -> list[Document]:
        from ray.serve.exceptions import BackPressureError

        size = sum(len(document.text) + 1 for document in documents)
        self.waiting += size
        response = self._engines.submit(documents, name, seconds, self._bounds)
        try:
            with _raised():
                found: list[Document] = await response
                return found
        except BackPressureError:
            raise QueueFullError(1.0) from None
        except asyncio.CancelledError:
            response.cancel()
            raise
        finally:
            self.waiting -= size


class _Replica:
    """Has extractors loaded as requests need them, and batches what it is asked."""

    def __init__(self, memory: int) -> None:
        self._engines = Engines(memory=memory)
        self._batcher: Batcher | None = None

    async def adapter(self, model: str) -> _Loaded:
        """Load an extractor; Serve calls it once for each that is not loaded here."""
        await asyncio.to_thread(self._engines.add, model, Path(model.partition(" ")[2]))
        return _Loaded(self._engines, model)

    async def describe(self, model: str) -> Served:
        await self.adapter(model)
        return self._engines.find(model)

    async def extract(
        self, model: str, documents: list[Document], seconds: float, bounds: tuple[int, int]
    ) -> list[Document]:
        await self.adapter(model)
        if self._batcher is None:
            self._batcher = self._engines.batcher(*bounds)
        return await asyncio.wrap_future(self._batcher.submit(documents, model, seconds=seconds))


class _Loaded:
    """Stands for an extractor in Serve's list of those that are loaded, and goes with it."""

    def __init__(self, engines: Engines, model: str) -> None:
        self._engines, self._model = engines, model

    def __del__(self) -> None:
        self._engines.discard(self._model)


@contextlib.contextmanager
def open_replicas(count: int, address: str | None, *, memory: int) -> Iterator[ReplicatedEngines]:
    """Replicas for as long as the context lasts.

    Args:
        count: of replicas; the cluster's cores, and GPUs if there are enough, are divided among them.
        address: of a Ray cluster; without one, one is started here.
        memory: bytes of resident adapters in each replica, for each base.

    Raises:
        OnomaError: if Ray is not installed or the cluster cannot be reached.
    """
    with open_ray(count, address):
        from ray import serve

        share = Share.of(count)
        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        serve.start(proxy_location="Disabled", logging_config={"log_level": "ERROR", "enable_access_log": False})
        deployment = serve.deployment(
            num_replicas=count,
            max_ongoing_requests=_ONGOING,
            max_queued_requests=count * _ONGOING,
            ray_actor_options={"num_cpus": share.cpus, "num_gpus": share.gpus},
        )(_multiplexed(_Replica))
        try:
            yield ReplicatedEngines(serve.run(deployment.bind(memory), name=_NAME, route_prefix=None))
        finally:
            serve.delete(_NAME)


def _multiplexed(replica: type[_Replica]) -> type[_Replica]:
    """The class with Serve's bookkeeping around its loading; Ray is only imported where it is used."""
    from ray import serve

    class Extractors(replica):  # type: ignore[valid-type, misc]
        @serve.multiplexed(max_num_models_per_replica=_ADAPTERS)  # type: ignore[untyped-decorator]
        async def adapter(self, model: str) -> _Loaded:
            loaded: _Loaded = await super().adapter(model)
            return loaded

    return Extractors


@contextlib.contextmanager
def _raised() -> Iterator[None]:
    """Raise here what was raised in a replica."""
    from ray.exceptions import RayActorError, RayTaskError

    try:
        yield
    except RayTaskError as error:
        raise task_error(error) from None
    except RayActorError as error:
        raise OnomaError(
            "the process that was to answer was lost", mend="Another takes its place: try again."
        ) from error
