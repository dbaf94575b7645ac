"""A server of the OpenAI protocol on loopback, with faults on order. Its answers are a function of the question."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from serving import serve_app
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class Faults:
    """Chances of what goes wrong with a request.

    Args:
        refuse: status 429; with ``retry_after`` in its header if that is given.
        error: status 500.
        truncate: half of a JSON body.
        drop: the connection is closed in the middle.
        silence: no answer for ``silence_seconds``.
    """

    refuse: float = 0.0
    error: float = 0.0
    truncate: float = 0.0
    drop: float = 0.0
    silence: float = 0.0
    silence_seconds: float = 5.0
    retry_after: float | None = None


@dataclass
class OpenAIServer:
    """What the server is to do, and what it has seen.

    Args:
        answer: makes the content of an answer from the last message.
        faults: what goes wrong.
        rate: requests a second that it takes; more are refused.
        latency: seconds that an answer takes.
        seed: of the faults.
    """

    answer: Callable[[str], str] = lambda text: json.dumps([[text.split()[0], "X"]])
    faults: Faults = field(default_factory=Faults)
    rate: float | None = None
    latency: float = 0.0
    seed: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)
    url: str = ""

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        self._tokens, self._filled = 5.0, time.monotonic()

    def app(self) -> Starlette:
        """The application."""
        return Starlette(routes=[Route("/v1/chat/completions", self._chat, methods=["POST"])])

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self.keys.add(request.headers.get("authorization", ""))
        self.seen["requests"] += 1
        if not self._has_room():
            return self._refusal()
        fault = self._fault()
        if fault == "refuse":
            return self._refusal()
        if fault == "silence":
            await asyncio.sleep(self.faults.silence_seconds)
        if fault == "error":
            return JSONResponse({"error": {"message": "something broke"}}, 500)
        await asyncio.sleep(self.latency)
        text = body["messages"][-1]["content"]
        reply = json.dumps(self.completion(body["model"], text)).encode()
        if fault == "truncate":
            return Response(reply[: len(reply) // 2], media_type="application/json")
        if fault == "drop":
            return Response(reply[:10], headers={"content-length": str(len(reply))}, media_type="application/json")
        self.paid[text] += 1
        return Response(reply, media_type="application/json")

    def completion(self, model: str, text: str) -> dict[str, object]:
        """A chat completion."""
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": self.answer(text)},
                }
            ],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        }

    def _fault(self) -> str | None:
        roll = self._draw.random()
        for name in ("refuse", "error", "truncate", "drop", "silence"):
            roll -= getattr(self.faults, name)
            if roll < 0:
                self.seen[name] += 1
                return name
        return None

    def _has_room(self) -> bool:
        if self.rate is None:
            return True
        now = time.monotonic()
        self._tokens, self._filled = min(5.0, self._tokens + (now - self._filled) * self.rate), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _refusal(self) -> Response:
        self.seen["refused"] += 1
        after = self.faults.retry_after
        headers = {} if after is None else {"retry-after": str(after)}
        return JSONResponse({"error": {"message": "slow down"}}, 429, headers=headers)


@contextlib.contextmanager
def serve(server: OpenAIServer) -> Iterator[OpenAIServer]:
    """Run a server in a thread; its ``url`` is set."""
    with serve_app(server.app()) as address:
        server.url = f"{address}/v1"
        yield server
