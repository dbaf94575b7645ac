"""What a service is asked and answers; FastAPI makes its OpenAPI description of these."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MOST_TEXTS = 1_000
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
_EXAMPLE: Any = {"texts": ["গুৱাহাটী এখন মহানগৰ।"], "adapter": "assamese", "threshold": 0.5}

Format = Literal["spans", "pipeline", "conll"]


def _is_unicode(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"half of a surrogate pair at character {error.start}") from error
    return text


Text = Annotated[str, AfterValidator(_is_unicode)]
"""JSON can spell strings that are not Unicode, and no answer could hold them."""


class Message(BaseModel):
    """A message whose keys are all known."""

    model_config = ConfigDict(extra="forbid")


class InputDocument(Message):
    """A text, with its words where its sender has cut it into words."""

    text: Text
    tokens: list[tuple[int, int]] | None = Field(None, description="offsets of words, sorted, ends exclusive")
    id: Text = Field("", max_length=200)
    language: Text = Field("", max_length=35, description="BCP 47 code")


class ExtractRequest(Message):
    """Texts or documents, and what to find in them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    texts: Annotated[list[Text], Field(min_length=1, max_length=MOST_TEXTS)] | None = None
    documents: Annotated[list[InputDocument], Field(min_length=1, max_length=MOST_TEXTS)] | None = None
    adapter: Text | None = Field(None, description="name of an extractor; needed where several are served")
    labels: list[Text] | None = Field(None, description="give entities of these types alone")
    threshold: float = Field(0.0, ge=0, le=1, description="least score; the adapter's own thresholds hold besides")
    format: Format = Field("spans", description="`pipeline` is that of transformers, `conll` words and tags")

    @model_validator(mode="after")
    def _one_of_both(self) -> ExtractRequest:
        if (self.texts is None) == (self.documents is None):
            raise ValueError("give either texts or documents")
        return self


class Entity(BaseModel):
    """A span of a text: ``text[start:end]`` in code points."""

    start: int
    end: int
    label: str
    score: float | None
    surface: str


class FoundDocument(BaseModel):
    """Entities of one text."""

    id: str = ""
    entities: list[Entity]


class ExtractResponse(BaseModel):
    """Answers in the order of the texts, in the form that was asked for."""

    adapter: str
    request_id: str
    documents: list[FoundDocument] | None = Field(None, description="format spans")
    pipeline: list[list[dict[str, Any]]] | None = Field(None, description="format pipeline")
    conll: list[str] | None = Field(None, description="format conll")


class Adapter(BaseModel):
    """An extractor that is served."""

    name: str
    kind: str
    labels: list[str]
    base: str


class Adapters(BaseModel):
    """All extractors that are served."""

    adapters: list[Adapter]


class LoadRequest(Message):
    """A run to load."""

    name: str = Field(pattern=_NAME, description="that requests will use")
    run: Text = Field(pattern=r"^[^\x00]{1,500}$", description="its folder below the service's folder of runs")


class Problem(BaseModel):
    """What is wrong, and how to mend it."""

    error: str
