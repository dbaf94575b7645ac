"""The two APIs that a language model is asked by: chat completions and OpenAI's responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

Api = Literal["chat", "responses"]
PATHS: Final[dict[Api, Literal["/v1/chat/completions", "/v1/responses"]]] = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
}
"""As files of batches name them."""


def request_body(
    api: Api,
    model: str,
    messages: Sequence[Mapping[str, str]],
    *,
    temperature: float,
    max_tokens: int,
    schema: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """A request: everything that decides the answer.

    Args:
        api: that it is for.
        model: name of the model.
        messages: turns of the conversation.
        temperature: of the sampling.
        max_tokens: longest answer.
        schema: JSON schema that the answer is held to.
        seed: tells samples of the same question apart.
    """
    body: dict[str, Any] = {"model": model, "temperature": temperature}
    form = {"name": "entities", "schema": schema, "strict": True}
    if api == "chat":
        body |= {"messages": list(messages), "max_tokens": max_tokens}
        if schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        if seed is not None:
            body["seed"] = seed
    else:
        body |= {"input": list(messages), "max_output_tokens": max_tokens, "store": False}
        if schema is not None:
            body["text"] = {"format": {"type": "json_schema", **form}}
        if seed is not None:
            body["metadata"] = {"sample": str(seed)}
    return body


def ask(client: OpenAI, api: Api, body: Mapping[str, Any]) -> dict[str, Any]:
    """Send a request and wait for the reply.

    Raises:
        openai.OpenAIError: as the client does.
    """
    return _table(client.chat.completions.create(**body) if api == "chat" else client.responses.create(**body))


async def ask_async(client: AsyncOpenAI, api: Api, body: Mapping[str, Any]) -> dict[str, Any]:
    """As :func:`ask`, without blocking."""
    return _table(await (client.chat.completions.create(**body) if api == "chat" else client.responses.create(**body)))


def read_reply(api: Api, reply: Mapping[str, Any]) -> tuple[str, int, int]:
    """Text of a reply, and its input and output tokens as the server counts.

    Raises:
        ValueError: if it is no reply of this API.
    """
    try:
        usage = reply.get("usage") or {}
        if api == "chat":
            text = reply["choices"][0]["message"]["content"]
            return text or "", usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
        parts = [
            part["text"]
            for item in reply["output"]
            if item["type"] == "message"
            for part in item["content"]
            if part["type"] == "output_text"
        ]
        return "".join(parts), usage.get("input_tokens") or 0, usage.get("output_tokens") or 0
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"not a reply of the {api} API ({type(error).__name__}: {error})") from error


def _table(reply: Any) -> dict[str, Any]:
    # What is no JSON comes from the client as text.
    return reply.model_dump() if hasattr(reply, "model_dump") else {}
