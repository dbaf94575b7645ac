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

from loopback import serve_app
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
        answer: makes the content of an answer from the last message, or a status with the body of a refusal.
        faults: what goes wrong.
        rate: requests a second that it takes; more are refused.
        latency: seconds that an answer takes.
        seed: of the faults.
    """

    answer: Callable[[str], str | tuple[int, dict[str, object]]] = lambda text: json.dumps([[text.split()[0], "X"]])
    faults: Faults = field(default_factory=Faults)
    rate: float | None = None
    latency: float = 0.0
    seed: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)
    asked: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        self._tokens, self._filled = 5.0, time.monotonic()

    def app(self) -> Starlette:
        """The application."""
        paths = ("/v1/chat/completions", "/v1/responses")
        return Starlette(routes=[Route(path, self._reply, methods=["POST"]) for path in paths])

    async def _reply(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append((request.url.path, body))
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
        text = body["messages" if "messages" in body else "input"][-1]["content"]
        content = self.answer(text)
        if isinstance(content, tuple):
            return JSONResponse(content[1], content[0])
        make = completion if "messages" in body else response
        reply = json.dumps(make(body["model"], content)).encode()
        if fault == "truncate":
            return Response(reply[: len(reply) // 2], media_type="application/json")
        if fault == "drop":
            return Response(reply[:10], headers={"content-length": str(len(reply))}, media_type="application/json")
        self.paid[text] += 1
        return Response(reply, media_type="application/json")

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


def completion(model: str, content: str) -> dict[str, object]:
    """A chat completion."""
    message = {"role": "assistant", "content": content}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }


def response(model: str, content: str) -> dict[str, object]:
    """A reply of the responses API, with a thought in front of the message."""
    text = {"type": "output_text", "text": content, "annotations": []}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 0,
        "model": model,
        "status": "completed",
        "output": [
            {"id": "rs_1", "type": "reasoning", "summary": []},
            {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]},
        ],
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 10,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 110,
        },
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


@contextlib.contextmanager
def serve(server: OpenAIServer) -> Iterator[OpenAIServer]:
    """Run a server in a thread; its ``url`` is set."""
    with serve_app(server.app()) as address:
        server.url = f"{address}/v1"
        yield server
