"""Made-up documents: hand-written templates filled by Faker, so that every entity is known."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import regex

from onoma.annotation.harvest.readers import Raw
from onoma.annotation.harvest.sources import Synthetic
from onoma.document import Document, Span
from onoma.errors import DataError, nearest
from onoma.evaluation.edits import apply_edits
from onoma.evaluation.perturbations import typos

if TYPE_CHECKING:
    from faker import Faker

_PLACE = regex.compile(r"\{(?P<label>[A-Z]*):(?P<provider>[a-z0-9_]+)(?:#(?P<number>\d+))?\}")
# A fixed last day: Faker's is today's, and the same seed would give other documents tomorrow.
_LAST_DAY = {"end_datetime": datetime(2025, 12, 31)}
_PROVIDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "number": ("bothify", {"text": "??-#####"}),
    "date": ("date", _LAST_DAY),
    "iso8601": ("iso8601", _LAST_DAY),
    "year": ("date", {"pattern": "%Y", **_LAST_DAY}),
}
"""Providers with arguments, by the name that templates give them."""
_ROMAN = ("email", "company_email", "hostname", "url", "user_name", "password")
"""Providers that join names into addresses, which only Latin letters can stand in."""


def read_synthetic(source: Synthetic, seed: int) -> Iterator[Raw]:
    """Documents of every kind and locale, with their spans.

    Raises:
        DataError: if a kind has no template in a locale's language, or Faker knows no such locale.
    """
    for locale in source.locales:
        faker, plain = _faker(locale), _faker("en_US")
        for kind in source.synthetic:
            templates = _templates(kind, locale)
            for number in range(source.documents):
                known = f"{locale}-{kind}-{number}"
                draw = random.Random(f"{seed} {known}")
                faker.seed_instance(draw.getrandbits(64))
                plain.seed_instance(draw.getrandbits(64))
                document = fill(draw.choice(templates), faker, plain, id=known, language=locale.partition("_")[0])
                yield Raw(apply_edits(document, typos(document, source.noise, draw, {})))


def fill(template: str, faker: Faker, plain: Faker, **fields: Any) -> Document:
    """A document from a template.

    Args:
        template: text with places such as ``{PER:name}``; a place with a number has one value in all the document.
        faker: makes the values.
        plain: makes the values of addresses, in Latin letters.
        fields: of the document.
    """
    parts: list[str] = []
    spans: list[Span] = []
    values: dict[str, str] = {}
    size = position = 0
    for place in _PLACE.finditer(template):
        provider = place["provider"]
        value = values.get(place.group()) if place["number"] else None
        if value is None:
            maker = plain if provider in _ROMAN else faker
            name, arguments = _PROVIDERS.get(provider, (provider, {}))
            made = getattr(maker, name)(**arguments)
            value = values[place.group()] = " ".join(str(made).split())
        before = template[position : place.start()]
        parts += [before, value]
        size += len(before)
        if place["label"]:
            spans.append(Span(size, size + len(value), place["label"]))
        size += len(value)
        position = place.end()
    text = "".join([*parts, template[position:]]).rstrip("\n")
    return Document(text, spans=tuple(spans), **fields)


def _faker(locale: str) -> Faker:
    from faker import Faker

    try:
        return Faker(locale)
    except (AttributeError, ValueError, ModuleNotFoundError) as error:
        from faker.config import AVAILABLE_LOCALES

        raise DataError(f"Faker knows no locale {locale!r}", mend=nearest(locale, AVAILABLE_LOCALES)) from error


def _templates(kind: str, locale: str) -> list[str]:
    language = locale.partition("_")[0]
    known = _all_templates()
    if language not in known:
        raise DataError(f"no templates in the language of {locale!r}", mend=nearest(language, known))
    if kind not in known[language]:
        raise DataError(f"no template {kind!r} in {language!r}", mend=nearest(kind, known[language]))
    return known[language][kind]


@cache
def _all_templates() -> dict[str, dict[str, list[str]]]:
    import yaml

    text = (resources.files("onoma.annotation.harvest") / "templates.yaml").read_text(encoding="utf-8")
    content: dict[str, dict[str, list[str]]] = yaml.safe_load(text)
    return content
