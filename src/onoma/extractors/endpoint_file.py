"""What an endpoint file says: which model is asked, for what, how, at what price.

model: gpt-5-mini
url: http://127.0.0.1:8000/v1          # OpenAI's own if left out; the key is read from OPENAI_API_KEY
labels:
  ERROR: names of errors and exceptions
  OS: {about: operating systems, examples: [Ubuntu 22.04, Windows], not: [the word "system" alone]}
examples: {corpus: data/it, count: 4, choose: nearest}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from onoma.errors import DataError
from onoma.files import read_table
from onoma.schema import Section, section_error

OPENAI = "https://api.openai.com/v1"


class Examples(Section):
    """Labelled sentences that are shown to the model."""

    corpus: str = Field(description="a path, hub:REPO[:CONFIG] or examples:NAME")
    split: str = Field("train", description="its split")
    count: int = Field(4, ge=1, description="shown with each text")
    choose: Literal["nearest", "first"] = Field("nearest", description="those most like the text, or the same for all")


class Prices(Section):
    """What a million tokens cost, in any currency."""

    input: float = Field(0.0, ge=0)
    output: float = Field(0.0, ge=0)
    batch: float = Field(0.5, ge=0, description="share of these prices that a batch costs")


class Batches(Section):
    """What the provider's Batch API takes."""

    requests: int = Field(50_000, ge=1, description="in a file")
    megabytes: float = Field(190.0, gt=0, description="of a file")
    in_flight: int = Field(8, ge=1, description="batches at a time")
    queued_tokens: int | None = Field(None, ge=1, description="in all batches at a time; null: no limit")
    poll: float = Field(30.0, gt=0, description="seconds between looks at the batches that are out")


class LabelNote(Section):
    """What a type means."""

    about: str = Field("", description="its definition")
    examples: list[str] = Field(default_factory=list, description="entities of this type")
    avoid: list[str] = Field(default_factory=list, alias="not", description="what might be taken for it, and is not")


class EndpointFile(Section):
    """What an endpoint file says."""

    model: str = Field(description="name of the model, as the server knows it")
    url: str = Field(OPENAI, description="base URL of the API")
    api: Literal["chat", "responses"] = Field("chat", description="chat completions, or OpenAI's responses")
    key_variable: str = Field("OPENAI_API_KEY", description="environment variable that holds the key; never the key")
    labels: dict[str, LabelNote] = Field(default_factory=dict, description="types and what they mean; none: any type")
    instructions: str = Field("", description="said to the model besides labels and format")
    codec: Literal["json-map", "json-list", "json-objects", "inline"] = Field(
        "json-list", description="format of the answers"
    )
    structured: bool = Field(False, description="hold answers to a JSON schema; wants codec: json-objects")
    examples: Examples | None = Field(None, description="few-shot examples")
    temperature: float = Field(0.0, ge=0, description="of the sampling")
    samples: int = Field(1, ge=1, description="answers to each question; spans in more than half of them are kept")
    verify: bool = Field(False, description="ask the model which of its entities it stands by")
    max_tokens: int = Field(512, ge=1, description="longest answer")
    max_words: int = Field(300, ge=1, description="longer texts are asked in parts, cut between sentences")
    concurrency: int = Field(4, ge=1, description="requests at a time")
    timeout: float = Field(120.0, gt=0, description="seconds to wait for an answer")
    retries: int = Field(3, ge=0, description="when the server is busy or does not answer")
    prices: Prices = Prices()
    batch: Batches = Batches()

    @field_validator("url")
    @classmethod
    def _http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("a URL begins with http:// or https://")
        return value.rstrip("/")

    @field_validator("labels", mode="before")
    @classmethod
    def _definitions(cls, value: Any) -> Any:
        if isinstance(value, list):
            return {name: {} for name in value}
        if isinstance(value, dict):
            return {name: note if isinstance(note, dict) else {"about": note or ""} for name, note in value.items()}
        return value

    @model_validator(mode="after")
    def _fit(self) -> EndpointFile:
        if self.structured and self.codec != "json-objects":
            raise ValueError("structured answers want codec: json-objects")
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("samples are alike at temperature 0; set temperature, such as 0.7")
        return self


def read_endpoint_file(path: Path) -> EndpointFile:
    """Read an endpoint file.

    Raises:
        DataError: if it is missing or a key of it is not valid.
    """
    content = read_table(path, "endpoint file", DataError)
    try:
        return EndpointFile.model_validate(content)
    except ValidationError as error:
        raise section_error(error, EndpointFile, str(path), DataError) from error
