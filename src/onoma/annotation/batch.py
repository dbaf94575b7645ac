"""Asking an endpoint by its Batch API: files of requests, answered within a day for half the price.

Answers are joined to their questions by ``custom_id``, which is the question's key in the journal, and by nothing else.
The journal knows what is out in which batch, so that the same command goes on after ``kill -9``, and a batch that was
made in the very moment is found again by a token in its metadata instead of being paid twice.

The same files of requests and answers work with vLLM's ``run-batch``
(https://docs.vllm.ai/en/latest/examples/offline_inference/openai_batch.html).
"""

from __future__ import annotations

import random
import secrets
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from onoma.annotation.batch_files import Read, Spool, json_lines, keep_answer, note_failure
from onoma.annotation.journal import Journal
from onoma.annotation.questions import Limits, Progress, Question
from onoma.errors import ModelError
from onoma.extractors.apis import PATHS, Api

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import Batch

_TOKEN = "onoma"
_NOT_YET = "not yet "
"""Begins the name of a batch that was about to be made: its token follows."""
_OVER = frozenset({"completed", "expired", "cancelled", "failed"})
_ASKS = 8
_LOOKS = 1000
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 60.0
_BYTES_A_TOKEN = 4
_TOO_MUCH = frozenset({"token_limit_exceeded", "rate_limit_exceeded"})

Result = TypeVar("Result")


@dataclass(frozen=True)
class BatchLimits:
    """What a provider takes.

    Args:
        requests: in a file.
        megabytes: of a file.
        in_flight: batches at a time.
        queued_tokens: in all batches at a time, or None where there is no limit.
        poll: seconds between looks at the batches that are out.
    """

    requests: int = 50_000
    megabytes: float = 190.0
    in_flight: int = 8
    queued_tokens: int | None = None
    poll: float = 30.0


def ask_in_batches(
    questions: Iterable[Question],
    client: OpenAI,
    api: Api,
    read: Read,
    journal: Journal,
    limits: Limits,
    batches: BatchLimits,
    *,
    estimate: Callable[[int], float] = lambda _: 0.0,
    watch: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Ask what the journal has no answer to, in batches, and wait until all of them are over.

    A batch that the provider refuses, or whose validation fails, is sent again in two halves, down to single requests;
    what an expired one has answered is kept. A request that comes back without an answer, or with one that cannot be
    read, is sent again, ``limits.tries`` times in all.

    Args:
        questions: any number; their bodies wait on disk.
        client: with its own retries switched off.
        api: that the questions are for.
        read: the answer in a reply.
        journal: open.
        limits: tries and budget.
        batches: the provider's limits.
        estimate: cost of a request with so many bytes, for the budget.
        watch: is told the progress after each look.

    Raises:
        ModelError: if the server lets nobody in, or cannot be reached; what is out stays out, and is found again.
    """
    with Spool(questions, PATHS[api], journal) as spool:
        asking = _Asking(spool, client, api, read, journal, limits, batches, estimate)
        asking.adopt()
        while True:
            asking.collect()
            asking.send()
            watch(asking.progress)
            if not asking.out:
                return asking.progress
            time.sleep(batches.poll)


def open_batches(client: OpenAI, journal: Journal) -> Iterator[tuple[str, str, dict[str, int]]]:
    """Id, status and counts of the requests of each batch of an endpoint that the journal knows to be out."""
    for name in _names(client, journal):
        batch = _calmly(partial(client.batches.retrieve, name))
        counts = batch.request_counts
        yield name, batch.status, counts.model_dump() if counts else {}


def cancel_batches(client: OpenAI, journal: Journal) -> int:
    """Ask the provider to end all batches that are out; their answers so far come with the next command."""
    names = [name for name, status, _ in open_batches(client, journal) if status not in _OVER | {"cancelling"}]
    for name in names:
        _calmly(partial(client.batches.cancel, name))
    return len(names)


class _Asking:
    def __init__(
        self,
        spool: Spool,
        client: OpenAI,
        api: Api,
        read: Read,
        journal: Journal,
        limits: Limits,
        batches: BatchLimits,
        estimate: Callable[[int], float],
    ) -> None:
        self.progress = Progress()
        self.out: dict[str, _Out] = {}
        self._spool = spool
        self._client = client
        self._api: Api = api
        self._read = read
        self._journal = journal
        self._limits = limits
        self._batches = batches
        self._estimate = estimate
        self._groups: deque[list[bytes]] = deque()
        self._wait_for_room = False

    def adopt(self) -> None:
        """Find the batches that an earlier call left, and put what waits into groups of a file each."""
        address = _address(self._client)
        for name in self._journal.batches():
            if name.startswith(f"{_NOT_YET}{address} "):
                token = name.rpartition(" ")[2]
                found = self._made(token)
                if found is None:
                    self._journal.take_back(name)
                else:
                    self._journal.rename_batch(name, f"{address} {found.id}")
        for name in _names(self._client, self._journal):
            self.out[name] = self._size(self._journal.keys_in("sent", f"{address} {name}"))
        waiting = set(self._journal.keys_in("waiting"))
        self._group([key for key in self._spool if key in waiting])

    def collect(self) -> None:
        """Look at the batches that are out, and read those that are over."""
        for name in list(self.out):
            batch = _calmly(partial(self._client.batches.retrieve, name))
            if batch.status in _OVER:
                self._finish(name, batch)
                del self.out[name]
                self._wait_for_room = False

    def send(self) -> None:
        """Send groups as long as the provider's limits and the budget have room."""
        while self._groups and not self._wait_for_room and len(self.out) < self._batches.in_flight:
            keys = self._groups.popleft()
            size = self._size(keys)
            queued = sum(one.tokens for one in self.out.values()) + size.tokens
            if self.out and self._batches.queued_tokens is not None and queued > self._batches.queued_tokens:
                self._groups.appendleft(keys)
                return
            keys = keys[: self._affordable(keys)]
            if not keys:
                self._groups.clear()
                return
            self._send(keys)

    def _send(self, keys: list[bytes]) -> None:
        import openai

        token = secrets.token_hex(8)
        address = _address(self._client)
        try:
            file = self._upload(keys)
            # Noted before it is made: whoever is killed in between finds it again by its token.
            self._journal.mark_sent(keys, f"{_NOT_YET}{address} {token}")
            batch = self._create(file, token)
        except openai.APIStatusError as error:
            self._journal.take_back(f"{_NOT_YET}{address} {token}")
            if error.status_code not in (400, 413, 422):
                raise ModelError(f"{address} refuses a batch ({error.message})") from error
            self._refused(keys, str(error.code or ""), str(error.message))
            return
        self._journal.rename_batch(f"{_NOT_YET}{address} {token}", f"{address} {batch.id}")
        self.out[batch.id] = self._size(keys)
        self.progress.asked += len(keys)

    def _upload(self, keys: list[bytes]) -> str:
        with tempfile.TemporaryFile() as handle:
            for key in keys:
                handle.write(self._spool.line(key))

            def upload() -> str:
                handle.seek(0)
                return self._client.files.create(file=("requests.jsonl", handle), purpose="batch").id

            return _calmly(upload)

    def _create(self, file: str, token: str) -> Batch:
        """Make a batch, exactly one: where it is not known whether the server made it, it is looked for."""
        import openai

        def make() -> Batch:
            try:
                return self._client.batches.create(
                    input_file_id=file,
                    endpoint=PATHS[self._api],
                    completion_window="24h",
                    metadata={_TOKEN: token},
                )
            except openai.APIStatusError as error:
                if error.status_code < 500:
                    raise
                failure: openai.OpenAIError = error
            except openai.OpenAIError as error:
                failure = error
            found = self._made(token)
            if found is None:
                raise failure
            return found

        return _calmly(make)

    def _made(self, token: str) -> Batch | None:
        def look() -> Batch | None:
            # The newest come first, and this one was made a moment ago, or just before an earlier command ended.
            for batch in islice(self._client.batches.list(limit=100), _LOOKS):
                if (batch.metadata or {}).get(_TOKEN) == token:
                    return batch
            return None

        return _calmly(look)

    def _finish(self, name: str, batch: Batch) -> None:
        """Keep the answers of a batch that is over; what has none goes into groups to be sent again."""
        full_name = f"{_address(self._client)} {name}"
        sent = set(self._journal.keys_in("sent", full_name))
        answered = batch.request_counts.completed if batch.request_counts else 0
        for file, least in ((batch.output_file_id, answered), (batch.error_file_id, 0)):
            for line in self._download(file, least) if file else ():
                keep_answer(line, self._read, self._journal, self._limits.tries, self.progress, sent)
        rest = self._journal.keys_in("sent", full_name)
        if batch.status in ("completed", "expired"):
            why = "not in the files of a completed batch" if batch.status == "completed" else "the batch took too long"
            for key in rest:
                self._failed(key, "unanswered" if batch.status == "completed" else "expired", why)
        else:
            self._journal.take_back(full_name)
        if batch.status == "failed":
            errors = batch.errors.data if batch.errors and batch.errors.data else []
            code, message = (errors[0].code, errors[0].message) if errors else (None, None)
            self._refused(rest, code or "", message or "the batch failed")
        else:
            waiting = sent.intersection(self._journal.keys_in("waiting"))
            again = [key for key in self._spool if key in waiting]
            for group in _halves(again) if batch.status == "expired" else [again]:
                self._group(group)

    def _refused(self, keys: Sequence[bytes], code: str, message: str) -> None:
        """A batch that did not begin: later where the queue is full, else in two halves."""
        self.progress.refused += 1
        known = [key for key in keys if key in self._spool]
        if code in _TOO_MUCH and self.out:
            self._groups.appendleft(known)
            self._wait_for_room = True
        elif len(known) > 1:
            self._groups.extendleft(reversed(_halves(known)))
        else:
            self._groups.extend([key] for key in known if self._failed(key, "refused", message))

    def _failed(self, key: bytes, kind: str, message: str) -> bool:
        return note_failure(key, kind, message, self._journal, self._limits.tries, self.progress)

    def _download(self, file: str, least: int) -> list[dict[str, Any]]:
        """Lines of a file; one that breaks off is fetched again, since what it lacks would be paid again."""
        for _ in range(_ASKS):
            found, whole = json_lines(_calmly(lambda: self._client.files.content(file).content))
            if whole and len(found) >= least:
                break
        return found

    def _group(self, keys: Sequence[bytes]) -> None:
        """Put keys into groups of a file each."""
        group: list[bytes] = []
        size = 0
        for key in keys:
            line = self._spool.size(key)
            if group and (len(group) == self._batches.requests or size + line > self._batches.megabytes * 1e6):
                self._groups.append(group)
                group, size = [], 0
            group.append(key)
            size += line
        if group:
            self._groups.append(group)

    def _affordable(self, keys: Sequence[bytes]) -> int:
        """How many of these the budget has room for."""
        limits, progress = self._limits, self.progress
        out = sum(one.cost for one in self.out.values())
        tokens = progress.tokens + sum(one.tokens for one in self.out.values())
        cost = progress.cost + out
        for number, key in enumerate(keys):
            one = self._size([key])
            tokens, cost = tokens + one.tokens, cost + one.cost
            over = {
                "requests": limits.requests is not None and progress.asked + number + 1 > limits.requests,
                "tokens": limits.tokens is not None and tokens > limits.tokens,
                "money": limits.money is not None and cost > limits.money,
            }
            for name, reached in over.items():
                if reached:
                    progress.stopped = name
                    return number
        return len(keys)

    def _size(self, keys: Iterable[bytes]) -> _Out:
        sizes = [self._spool.size(key) for key in keys]
        return _Out(sum(sizes) // _BYTES_A_TOKEN, sum(map(self._estimate, sizes)))


@dataclass(frozen=True)
class _Out:
    """What a batch that is out is about to use."""

    tokens: int
    cost: float


def _calmly(ask: Callable[[], Result]) -> Result:
    """Ask, and again after a while when the server is busy or does not answer.

    Raises:
        ModelError: if it never does, or lets nobody in.
        openai.APIStatusError: for any other refusal.
    """
    import openai

    failure: openai.OpenAIError | None = None
    for number in range(_ASKS):
        if failure is not None:
            time.sleep(random.uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * 2**number)))
        try:
            return ask()
        except openai.APIStatusError as error:
            if error.status_code in (401, 403):
                raise ModelError(f"the server refuses with status {error.status_code}", mend="Mend the key.") from error
            if error.status_code != 429 and error.status_code < 500:
                raise
            failure = error
        except openai.OpenAIError as error:
            failure = error
    raise ModelError(
        f"no answer ({type(failure).__name__})", mend="What is out stays out; the same command goes on."
    ) from failure


def _halves(keys: Sequence[bytes]) -> list[list[bytes]]:
    middle = (len(keys) + 1) // 2
    return [list(keys[:middle]), list(keys[middle:])]


def _address(client: OpenAI) -> str:
    return str(client.base_url).rstrip("/")


def _names(client: OpenAI, journal: Journal) -> list[str]:
    """Ids of the batches that are out at this endpoint."""
    address = f"{_address(client)} "
    return [name.removeprefix(address) for name in journal.batches() if name.startswith(address)]
