"""Random pages of Wikipedias by the MediaWiki API, and pages of XML dumps."""

from __future__ import annotations

import bz2
import gzip
import json
import random
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from onoma.annotation.harvest.readers import Raw
from onoma.annotation.harvest.sources import Dump, Wikipedia
from onoma.corpus.reading import ReadLog
from onoma.document import Document
from onoma.errors import DataError

if TYPE_CHECKING:
    import httpx

_IDS_A_REQUEST = 50
_SUMMARIES_A_REQUEST = 20
_TRIES = 6
_LONGEST_WAIT = 120.0
_EMPTY_REQUESTS = 200
"""Requests in a row without a new page, after which a wiki has no more to give."""


def read_wikipedia(source: Wikipedia, seed: int, journal: Path) -> Iterator[Raw]:
    """Pages drawn by their numbers, every page of a wiki as likely as another; the same seed draws the same numbers.

    Every reply is kept, so that an interrupted harvest goes on where it was and asks nothing again. The API's manners
    (https://www.mediawiki.org/wiki/API:Etiquette) are kept: one request at a time, ``maxlag``, Retry-After, a name.

    Args:
        source: which wikis, how many pages.
        seed: of the numbers.
        journal: folder for the replies.

    Raises:
        DataError: if a wiki cannot be reached, or answers with an error.
    """
    import httpx

    agent = {"User-Agent": f"onoma/{metadata.version('onoma')} ({source.contact})"}
    with httpx.Client(headers=agent, timeout=60, follow_redirects=True) as client:
        for language in source.wikipedia:
            wiki = _Wiki(client, source.url.format(language=language), 1 / source.rate, journal / f"{language}.jsonl")
            pages = _pages(wiki, random.Random(f"{seed} {language}"), full=source.extract == "full")
            for page in islice(pages, source.pages):
                url = f"{wiki.url.removesuffix('/w/api.php')}/?curid={page['pageid']}"
                meta = {"title": page["title"], "url": url}
                yield Raw(Document(page["extract"], id=str(page["pageid"]), language=language, meta=meta))


def read_dump(source: Dump, log: ReadLog) -> Iterator[Raw]:
    """Articles of an XML dump, without redirects and other namespaces.

    Raises:
        DataError: if the file is missing or is no dump.
    """
    import mwxml

    path = Path(source.dump)
    if not path.is_file():
        raise DataError("no such dump", where=source.dump)
    with _open_dump(path) as handle:
        try:
            articles = (page for page in mwxml.Dump.from_file(handle) if page.namespace == 0 and not page.redirect)
            for page in islice(articles, source.limit):
                revision = next(iter(page), None)
                if revision is not None and revision.text:
                    meta = {"title": page.title}
                    known = Document(revision.text, id=str(page.id), language=source.language, meta=meta)
                    yield Raw(known, "wikitext")
        except (ParseError, EOFError, OSError, mwxml.errors.MalformedXML) as error:
            log.bad_row(DataError(f"the dump breaks off ({error})"), source.dump)


def _open_dump(path: Path) -> IO[str]:
    opener: Callable[..., Any] = {".bz2": bz2.open, ".gz": gzip.open}.get(path.suffix, open)
    handle: IO[str] = opener(path, "rt", encoding="utf-8")
    return handle


def _pages(wiki: _Wiki, draw: random.Random, *, full: bool) -> Iterator[dict[str, Any]]:
    newest = wiki.ask(action="query", list="logevents", leaction="create/create", lelimit="1", leprop="ids")
    events = newest.get("query", {}).get("logevents", [])
    if not events:
        raise DataError("the wiki does not say how many pages it has", where=wiki.url)
    last = int(events[0]["pageid"])
    seen: set[int] = set()
    empty = 0
    while empty < _EMPTY_REQUESTS and len(seen) < last:
        drawn = [number for number in (draw.randint(1, last) for _ in range(_IDS_A_REQUEST)) if number not in seen]
        drawn = list(dict.fromkeys(drawn))
        seen.update(drawn)
        if not drawn:
            continue
        found = wiki.ask(action="query", prop="info", pageids="|".join(map(str, drawn)))
        articles = [
            page["pageid"]
            for page in found.get("query", {}).get("pages", [])
            if page.get("ns") == 0 and not page.get("missing") and not page.get("redirect")
        ]
        empty = 0 if articles else empty + 1
        size = 1 if full else _SUMMARIES_A_REQUEST
        for first in range(0, len(articles), size):
            yield from _extracts(wiki, articles[first : first + size], full=full)


def _extracts(wiki: _Wiki, numbers: list[int], *, full: bool) -> Iterator[dict[str, Any]]:
    part = {} if full else {"exintro": "1"}
    reply = wiki.ask(
        action="query",
        prop="extracts",
        explaintext="1",
        exsectionformat="plain",
        exlimit=str(len(numbers)),
        pageids="|".join(map(str, numbers)),
        **part,
    )
    yield from (page for page in reply.get("query", {}).get("pages", []) if page.get("extract"))


class _Wiki:
    """A wiki's API: asked slowly, and never twice for the same."""

    def __init__(self, client: httpx.Client, url: str, pause: float, journal: Path) -> None:
        self.url = url
        self._client = client
        self._pause = pause
        self._next = 0.0
        self._journal = journal
        self._known = dict(_replies(journal))

    def ask(self, **parameters: str) -> dict[str, Any]:
        query = parameters | {"format": "json", "formatversion": "2", "maxlag": "5"}
        key = json.dumps(parameters, sort_keys=True)
        if key not in self._known:
            self._known[key] = self._fetch(query)
            self._journal.parent.mkdir(parents=True, exist_ok=True)
            with self._journal.open("a", encoding="utf-8") as handle:
                handle.write(json.dumps([key, self._known[key]], ensure_ascii=False) + "\n")
        return self._known[key]

    def _fetch(self, query: dict[str, str]) -> dict[str, Any]:
        import httpx

        problem = ""
        for number in range(_TRIES):
            time.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + self._pause
            wait = min(_LONGEST_WAIT, 2.0**number * self._pause)
            try:
                reply = self._client.get(self.url, params=query)
                if reply.status_code < 400:
                    content: dict[str, Any] = reply.json()
                    error = content.get("error")
                    if error is None:
                        return content
                    problem = f"{error.get('code')}: {error.get('info')}"
                    if error.get("code") not in ("maxlag", "ratelimited", "readonly"):
                        break
                else:
                    problem = f"status {reply.status_code}"
                    if reply.status_code not in (429, 500, 502, 503, 504):
                        break
                wait = max(wait, _seconds(reply.headers.get("retry-after")))
            except (httpx.TransportError, ValueError) as error:
                problem = f"{type(error).__name__}: {error}"
            self._next = time.monotonic() + wait
        raise DataError(
            f"no answer ({problem})",
            where=self.url,
            mend="What came so far is kept; the same command goes on from there.",
        )


def _seconds(value: str | None) -> float:
    try:
        return min(_LONGEST_WAIT, max(0.0, float(value or 0.0)))
    except ValueError:  # a date
        return 5.0


def _replies(journal: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Replies that were kept; the last line may have broken off."""
    if not journal.exists():
        return
    with journal.open(encoding="utf-8") as handle:
        for line in handle:
            if line.endswith("\n"):
                key, reply = json.loads(line)
                yield key, reply
