"""A decoder behind an OpenAI-compatible server with guided decoding, such as vLLM that serves the run's adapter."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from onoma.errors import ModelError
from onoma.models.vocabulary import Vocabulary
from onoma.models.writing import Request, Written
from onoma.schema import Section

if TYPE_CHECKING:
    from openai import OpenAI


class Server(Section):
    """Where a generator's answers are written: a file with these keys loads as an extractor."""

    run: Path = Field(description="the generator's run; its prompt and its base's tokenizer are used here")
    url: str = Field(description="base URL of the server's API", pattern="^https?://")
    model: str = Field(description="name under which the server has the run's adapter")
    key_variable: str = Field("OPENAI_API_KEY", description="environment variable that holds the key; never the key")
    grammar: Literal["structured_outputs", "guided_grammar"] = Field(
        "structured_outputs", description="where the server wants the grammar: vLLM since 0.12, or before"
    )
    longest: int = Field(4096, ge=256, description="pieces of prompt and answer that the server takes")
    concurrency: int = Field(16, ge=1, description="requests at a time")
    timeout: float = Field(120.0, gt=0, description="seconds to wait for an answer")


class ServedDecoder:
    """Has a server continue texts; the server is to read llguidance grammars.

    vLLM: ``vllm serve BASE --enable-lora --lora-modules NAME=RUN --structured-outputs-config.backend guidance``
    (https://docs.vllm.ai). Its probabilities are those before the grammar leaves out what cannot come, so they, and the
    scores that are made of them, are lower than those of the other backends.

    Args:
        server: where it is.
        folder: of the base, for its tokenizer.

    Attributes:
        vocabulary: of the base.
    """

    def __init__(self, server: Server, folder: Path) -> None:
        self.vocabulary = Vocabulary(folder)
        self.longest = server.longest
        self._server = server

    def write(self, requests: Sequence[Request]) -> list[Written]:
        """See :class:`onoma.models.writing.Decoder`.

        Raises:
            ModelError: if the server cannot be reached, or refuses.
        """
        from openai import OpenAI

        client = OpenAI(
            base_url=self._server.url,
            api_key=os.environ.get(self._server.key_variable) or "none",
            timeout=self._server.timeout,
        )
        with ThreadPoolExecutor(self._server.concurrency) as pool:
            return list(pool.map(lambda request: self._write(client, request), requests))

    def _write(self, client: OpenAI, request: Request) -> Written:
        from openai import APIStatusError, OpenAIError

        extra: dict[str, Any] = {"return_token_ids": True}
        if request.grammar is not None:
            older = self._server.grammar == "guided_grammar"
            extra |= {self._server.grammar: request.grammar if older else {"grammar": request.grammar}}
        try:
            answer = client.completions.create(
                model=self._server.model,
                prompt=[*request.prefix, *request.pieces],
                max_tokens=request.most,
                temperature=0.0,
                logprobs=1,
                extra_body=extra,
            )
            choice = answer.choices[0]
        except APIStatusError as error:
            raise ModelError(
                f"the server refuses with status {error.status_code} ({str(error.message)[:200]})",
                where=self._server.url,
            ) from error
        except (OpenAIError, IndexError) as error:
            raise ModelError(
                f"no answer from the server ({type(error).__name__})",
                where=self._server.url,
                mend="Start the server, or mend the url.",
            ) from error
        return self._read(choice)

    def _read(self, choice: Any) -> Written:
        logs = [log for log in (choice.logprobs.token_logprobs if choice.logprobs else None) or [] if log is not None]
        pieces = [piece for piece in getattr(choice, "token_ids", None) or [] if piece != self.vocabulary.end]
        if not pieces:
            # A server that does not tell its pieces; those of its text are the same but in rare cases.
            pieces = self.vocabulary.pieces(choice.text)
        if len(logs) < len(pieces):
            logs = [0.0] * len(pieces)
        whole = choice.finish_reason != "length"
        return Written(tuple(pieces), tuple(map(math.exp, logs[: len(pieces)])), whole, len(pieces))
