"""Asking an endpoint now, many questions at a time: paced, retried, within a budget, every answer kept at once."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from onoma.annotation.journal import Journal
from onoma.annotation.pace import Pace
from onoma.annotation.questions import Limits, Progress, Question
from onoma.errors import ModelError
from onoma.extractors.answers import Answer

if TYPE_CHECKING:
    from openai import APIError, APIStatusError

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 60.0
_FOR_GOOD = frozenset({400, 404, 405, 413, 422})
"""Refusals that the same question will get again."""
_NOBODY = frozenset({401, 403})
"""Refusals that every question will get."""


async def ask_all(
    questions: Iterable[Question],
    ask: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
    read: Callable[[dict[str, Any]], Answer],
    journal: Journal,
    limits: Limits,
    watch: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Ask what the journal has no answer to, and keep each answer when it comes.

    Args:
        questions: read lazily, so any number of them.
        ask: sends a request, without retries of its own; raises what the OpenAI client raises.
        read: the answer in a reply; raises ValueError where there is none.
        journal: open.
        limits: budget and pace.
        watch: is told the progress after each request.

    Raises:
        ModelError: if the server lets nobody in, or cannot be reached at all; answers so far are kept.
    """
    asking = _Asking(ask, read, journal, limits, watch)
    waiting = iter(questions)
    running: set[asyncio.Task[None]] = set()
    try:
        for question in waiting:
            if journal.answer(question.key) is not None:
                continue
            if asking.over_budget():
                break
            while len(running) >= limits.concurrency:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            if asking.over_budget():
                break
            running.add(asyncio.create_task(asking.ask(question)))
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
    return asking.progress


class _Asking:
    def __init__(
        self,
        ask: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
        read: Callable[[dict[str, Any]], Answer],
        journal: Journal,
        limits: Limits,
        watch: Callable[[Progress], None],
    ) -> None:
        self.progress = Progress()
        self._ask = ask
        self._read = read
        self._journal = journal
        self._limits = limits
        self._watch = watch
        self._pace = Pace(limits.rate, time.monotonic)
        self._turn = asyncio.Lock()
        self._reached = False

    def over_budget(self) -> bool:
        """Whether a limit is reached; it is noted in the progress."""
        progress, limits = self.progress, self._limits
        for name, used, most in (
            ("requests", progress.asked, limits.requests),
            ("tokens", progress.tokens, limits.tokens),
            ("money", progress.cost, limits.money),
        ):
            if most is not None and used >= most:
                progress.stopped = name
                return True
        return False

    async def ask(self, question: Question) -> None:
        """Ask until there is an answer, or no hope of one."""
        import openai

        tries = 0
        self._journal.await_answers([(question.key, question.item)])
        while True:
            async with self._turn:
                await asyncio.sleep(self._pace.delay())
            if self.over_budget():
                return
            self.progress.asked += 1
            try:
                answer = self._read(await self._ask(question.body))
            except openai.RateLimitError as error:
                self._reached = True
                self.progress.refused += 1
                self._pace.refused(_retry_after(error))
            except openai.APIStatusError as error:
                self._reached = True
                if error.status_code in _NOBODY:
                    raise ModelError(
                        f"{_address(error)} lets nobody in (status {error.status_code})",
                        mend="Check the API key.",
                    ) from error
                tries += 1
                kind, hopeless = f"status {error.status_code}", error.status_code in _FOR_GOOD
                if not await self._failed(question, kind, str(error.message), tries, hopeless=hopeless):
                    return
            except openai.APIConnectionError as error:
                tries += 1
                kind = "timeout" if isinstance(error, openai.APITimeoutError) else "no connection"
                if tries >= self._limits.tries and not self._reached:
                    raise ModelError(
                        f"no answer from {_address(error)} ({kind})", mend="Start the server, or mend the url."
                    ) from error
                if not await self._failed(question, kind, str(error), tries):
                    return
            except (openai.OpenAIError, ValueError) as error:  # no answer at all, such as half of a JSON text
                tries += 1
                if not await self._failed(question, "no sense", str(error), tries):
                    return
            else:
                self._reached = True
                self._keep(question, answer)
                return

    def _keep(self, question: Question, answer: Answer) -> None:
        self._pace.answered()
        self._journal.record(question.key, question.item, answer)
        self.progress.answered += 1
        self.progress.tokens += answer.input_tokens + answer.output_tokens
        self.progress.cost += answer.cost
        self._watch(self.progress)

    async def _failed(self, question: Question, kind: str, message: str, tries: int, *, hopeless: bool = False) -> bool:
        """Note a failed try; says after a while whether there is to be another one."""
        most = 1 if hopeless else self._limits.tries
        again = self._journal.fail(question.key, kind, message, most_tries=most) == "waiting"
        self.progress.retried += again
        self.progress.failed += not again
        self._watch(self.progress)
        if again:
            # Full jitter: whoever failed together does not come back together.
            await asyncio.sleep(random.uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * 2**tries)))
        return again


def _address(error: APIError) -> str:
    return f"{error.request.url.scheme}://{error.request.url.netloc.decode()}"


def _retry_after(error: APIStatusError) -> float:
    """Seconds that a refusal asks us to wait; none where it does not say, since the pace is slowed anyway."""
    try:
        return min(_LONGEST_WAIT, max(0.0, float(error.response.headers.get("retry-after", 0.0))))
    except ValueError:  # it may be a date, which clocks that differ make worthless
        return 1.0
