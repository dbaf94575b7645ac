"""A stand-in for the part of the MediaWiki API that a harvest asks, with faults on order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class MediaWiki:
    """Pages and what the server has seen.

    Args:
        pages: by number; a text, or None for a redirect. Numbers in between are missing pages.
        faults: statuses, or codes of errors in an answer of status 200, for the next requests.
    """

    pages: dict[int, str | None]
    faults: deque[int | str] = field(default_factory=deque)
    queries: list[dict[str, str]] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)

    def app(self) -> Starlette:
        """The application; the wiki's language is the first part of the path."""
        return Starlette(routes=[Route("/{language}/w/api.php", self._api)])

    async def _api(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.queries.append(query)
        self.agents.add(request.headers["user-agent"])
        assert query["format"] == "json"
        assert query["formatversion"] == "2"
        assert query["maxlag"] == "5"
        if self.faults:
            fault = self.faults.popleft()
            if isinstance(fault, int):
                return JSONResponse({}, fault, headers={"retry-after": "0"})
            return JSONResponse({"error": {"code": fault, "info": "said the server"}})
        if query.get("list") == "logevents":
            events = [{"pageid": max(self.pages)}] if self.pages else []
            return JSONResponse({"query": {"logevents": events}})
        numbers = [int(number) for number in query["pageids"].split("|")]
        assert len(numbers) <= 50
        return JSONResponse({"query": {"pages": [self._page(number, query) for number in numbers]}})

    def _page(self, number: int, query: dict[str, str]) -> dict[str, object]:
        if number not in self.pages:
            return {"pageid": number, "missing": True}
        text = self.pages[number]
        page: dict[str, object] = {"pageid": number, "ns": 0, "title": f"Page {number}"}
        if text is None:
            return page | {"redirect": True}
        if query["prop"] == "extracts":
            assert int(query["exlimit"]) <= (20 if "exintro" in query else 1)
            page["extract"] = text.split("\n\n")[0] if "exintro" in query else text
        return page
