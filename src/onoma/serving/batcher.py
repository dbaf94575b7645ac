"""Requests that wait for each other a moment, so that many small ones make one large batch."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from onoma.document import Document
from onoma.errors import OnomaError

_BATCH_SECONDS = 1.0
_LEAST_BATCH = 10_000
"""Characters that make a good batch; were batches ever smaller since the last were slow, they would get ever slower."""
_SURE = 0.8
"""Share of its deadline by which a request should be answered as things go, if it is to be taken."""
_GATHER, _PAUSE = 0.08, 0.02
"""Shares of the time of a batch: how long the next one gathers at most after it, and after what pause no more."""
Extract = Callable[[Sequence[Document], Sequence[str]], Sequence[Document | OnomaError]]


class QueueFullError(OnomaError):
    """More is waiting than may wait.

    Args:
        seconds: after which there is probably room.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__("the service has more to do than it can", mend=f"Try again in {seconds:.0f} seconds.")


class DeadlineError(OnomaError):
    """A request waited longer than it may."""

    def __init__(self) -> None:
        super().__init__("the request waited longer than its deadline", mend="Send less at once, or try again later.")


@dataclass
class _Job:
    documents: Sequence[Document]
    name: str
    deadline: float
    done: Future[list[Document]] = field(default_factory=Future)

    @property
    def size(self) -> int:
        return sum(len(document.text) + 1 for document in self.documents)


class Batcher:
    """A bounded queue and one thread that empties it, as much at a time as makes a good batch.

    While a batch is being worked on, the next one gathers. Those whom it answered often ask again at once, so the next
    one waits a little for them; who comes to an idle service waits for nobody.

    Args:
        extract: takes documents and the name of an extractor for each.
        batch: characters that are taken out at a time.
        waiting: characters that may wait.

    Examples:
        >>> batcher = Batcher(engines.extract)  # doctest: +SKIP
        >>> batcher.submit([Document("Java 8")], "it", seconds=5).result()  # doctest: +SKIP
    """

    def __init__(self, extract: Extract, *, batch: int = 50_000, waiting: int = 2_000_000) -> None:
        self._extract = extract
        self._batch = batch
        self._most = waiting
        self._jobs: collections.deque[_Job] = collections.deque()
        self._size = 0
        self._busy = 0
        self._rate = 0.0
        self._begun = self._ended = 0.0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="onoma-batcher", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Characters in the queue."""
        return self._size

    @property
    def alive(self) -> bool:
        """Whether requests are being answered."""
        return self._thread.is_alive() and not self._closed

    def submit(self, documents: Sequence[Document], name: str, *, seconds: float) -> Future[list[Document]]:
        """Put documents into the queue.

        Args:
            documents: of one request.
            name: of the extractor.
            seconds: after which nobody wants the answer.

        Returns:
            A future of the documents with entities; cancelling it takes the request out of the queue.

        Raises:
            QueueFullError: if it does not fit, or would not be answered in time as things go; the only request in the
                queue is always taken.
        """
        job = _Job(documents, name, time.monotonic() + seconds)
        with self._changed:
            if self._is_too_much(job, seconds):
                self._drop_unwanted()
            if self._closed or (self._size and self._is_too_much(job, seconds)):
                raise QueueFullError(max(1.0, self._size / self._rate if self._rate else 1.0))
            self._jobs.append(job)
            self._size += job.size
            self._changed.notify()
        return job.done

    def close(self) -> None:
        """Finish what is in the queue, and take no more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _is_too_much(self, job: _Job, seconds: float) -> bool:
        size = self._size + job.size
        return size > self._most or (self._rate > 0 and (self._busy + size) / self._rate > _SURE * seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._jobs and not self._closed:
                    self._changed.wait()
                if not self._jobs:
                    return
                self._gather()
                jobs = self._take()
            wanted = [job for job in jobs if self._is_wanted(job)]
            if wanted:
                self._answer(wanted)
            self._busy = 0

    def _most_at_once(self) -> float:
        """Characters of a batch: one that takes long keeps everybody waiting who came while it was worked on."""
        return min(self._batch, max(_LEAST_BATCH, self._rate * _BATCH_SECONDS)) if self._rate else self._batch

    def _gather(self) -> None:
        """Wait for those whom the last batch answered, unless enough is there."""
        took = self._ended - self._begun
        ends = self._ended + _GATHER * took
        while self._size < self._most_at_once() and (left := ends - time.monotonic()) > 0:
            count = len(self._jobs)
            self._changed.wait(min(left, _PAUSE * took))
            if len(self._jobs) == count:
                return

    def _drop_unwanted(self) -> None:
        """Make room: those who left, or whose deadline has passed, keep nobody out."""
        now = time.monotonic()
        for job in list(self._jobs):
            if job.done.cancelled() or now > job.deadline:
                self._jobs.remove(job)
                self._size -= job.size
                self._is_wanted(job)

    def _take(self) -> list[_Job]:
        """The oldest jobs, as many as make a batch."""
        jobs: list[_Job] = []
        size = 0
        most = self._most_at_once()
        while self._jobs and (not jobs or size + self._jobs[0].size <= most):
            job = self._jobs.popleft()
            jobs.append(job)
            size += job.size
            self._size -= job.size
        self._busy = size
        return jobs

    @staticmethod
    def _is_wanted(job: _Job) -> bool:
        if not job.done.set_running_or_notify_cancel():
            return False
        if time.monotonic() > job.deadline:
            job.done.set_exception(DeadlineError())
            return False
        return True

    def _answer(self, jobs: Sequence[_Job]) -> None:
        documents = [document for job in jobs for document in job.documents]
        self._begun = time.monotonic()
        try:
            found = self._extract(documents, [job.name for job in jobs for _ in job.documents])
        except Exception as error:  # the thread must outlive whatever an extractor does
            for job in jobs:
                job.done.set_exception(error)
            return
        self._ended = time.monotonic()
        rate = sum(job.size for job in jobs) / max(self._ended - self._begun, 1e-6)
        self._rate = rate if not self._rate else 0.8 * self._rate + 0.2 * rate
        place = 0
        for job in jobs:
            own = found[place : place + len(job.documents)]
            place += len(job.documents)
            failure = next((one for one in own if isinstance(one, OnomaError)), None)
            if failure is not None:
                job.done.set_exception(failure)
            else:
                job.done.set_result([one for one in own if isinstance(one, Document)])
