"""Where raw text comes from, as a harvest file says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from onoma.schema import Section


class Files(Section):
    """Files and folders: .txt .md .html, or a column of .csv .tsv .jsonl .parquet."""

    files: str | list[str] = Field(description="paths, folders or patterns such as tickets/**/*.md")
    unit: Literal["document", "paragraph", "line"] = Field(
        "document", description="what a document is in .txt: the file, what empty lines part, or a line"
    )
    column: str = Field("text", description="of a table, the column with the text")
    language_column: str | None = Field(None, description="of a table, the column with the language code")
    language: str = Field("", description="BCP 47 code of all of it; else it is found out")


class Dataset(Section):
    """A Hugging Face dataset, of the hub or saved in a folder, such as the hub's Wikipedia."""

    dataset: str = Field(description="hub:REPO[@REVISION][:CONFIG], or a folder of save_to_disk")
    split: str = Field("train", description="its split")
    column: str = Field("text", description="the column with the text")
    limit: int | None = Field(None, ge=1, description="first rows only")
    language: str = Field("", description="BCP 47 code of all of it; else it is found out")


class Wikipedia(Section):
    """Random pages of Wikipedias by the MediaWiki API."""

    wikipedia: list[str] = Field(min_length=1, description="language codes")
    pages: int = Field(100, ge=1, description="pages of each language")
    extract: Literal["summary", "full"] = Field("summary", description="the part before the first heading, or all")
    contact: str = Field(
        min_length=5, description="e-mail address or web page of whoever asks, as Wikimedia's rules want"
    )
    rate: float = Field(2.0, gt=0, description="most requests a second")
    url: str = Field("https://{language}.wikipedia.org/w/api.php", description="of the API")

    @field_validator("url")
    @classmethod
    def _http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("a URL begins with http:// or https://")
        return value


class Dump(Section):
    """An XML dump of a wiki, such as aswiki-latest-pages-articles.xml.bz2."""

    dump: str = Field(description="the file: .xml, .xml.bz2 or .xml.gz")
    limit: int | None = Field(None, ge=1, description="first pages only")
    language: str = Field("", description="BCP 47 code; else it is found out")


class Synthetic(Section):
    """Made-up documents from templates; their entities come with them."""

    synthetic: list[str] = Field(min_length=1, description="kinds, such as letter, invoice, ticket, log, leak, prose")
    locales: list[str] = Field(default_factory=lambda: ["en_US"], min_length=1, description="as Faker names them")
    documents: int = Field(100, ge=1, description="of each kind and locale")
    noise: float = Field(0.0, ge=0, le=1, description="share of words with a typing error")


Source = Files | Dataset | Wikipedia | Dump | Synthetic
KINDS: dict[str, type[Section]] = {
    "files": Files,
    "dataset": Dataset,
    "wikipedia": Wikipedia,
    "dump": Dump,
    "synthetic": Synthetic,
}


def kind_of(content: Mapping[str, Any]) -> type[Section] | None:
    """The kind of source that a table of keys is meant to be: each kind has a key of its own."""
    return next((model for key, model in KINDS.items() if key in content), None)
