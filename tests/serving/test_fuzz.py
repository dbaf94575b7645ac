"""The service against requests that nobody would write by hand: made from its own description, and hostile ones."""

import json
import logging

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from loopback import serve_app
from schemathesis import GenerationMode

from onoma.serving.api import ServiceSettings, create_app
from onoma.serving.engines import Engines
from onoma.serving.watch import LOG

SECRET = "Zwischenspeicherung4711"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "rules.yaml").write_text("gazetteers: {LOC: [Rome]}\n")
    engines = Engines()
    engines.add("rules", folder / "rules.yaml")
    with serve_app(create_app(engines, ServiceSettings(most_bytes=50_000, runs=folder))) as address:
        yield address


def test_no_request_that_the_description_allows_or_nearly_allows_is_an_error_of_the_server(url):
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    tried = set()
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None, database=None)
        @given(case=operation.as_strategy(GenerationMode.POSITIVE) | operation.as_strategy(GenerationMode.NEGATIVE))
        def no_server_error(case):
            assert case.call().status_code < 500

        no_server_error()
        tried.add(operation.label)
    assert {"POST /v1/extract", "GET /v1/adapters", "POST /v1/adapters"} <= tried


HOSTILE = {
    "no JSON": b"texts=x",
    "half of it": b'{"texts": ["x"',
    "bad UTF-8": b'{"texts": ["\xff\xfe' + SECRET.encode() + b'"]}',
    "bytes": bytes(range(256)) * 20,
    "deep": b'{"texts": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "huge": b'{"texts": ["' + b"x" * 60_000 + b'"]}',
    "a number for a text": b'{"texts": [1]}',
    "a lone surrogate": b'{"texts": ["\\ud800 ' + SECRET.encode() + b'"], "adapter": "none"}',
    "a path for a name": b'{"texts": ["' + SECRET.encode() + b'"], "adapter": "../../etc/passwd"}',
    "a script for a name": b'{"texts": ["x"], "adapter": "<script>alert(1)</script>"}',
    "not a number": b'{"texts": ["x"], "threshold": NaN}',
    "unknown keys": b'{"texts": ["x"], "tools": ["shell"]}',
    "tokens that are none": b'{"documents": [{"text": "' + SECRET.encode() + b'", "tokens": [[0, 999]]}]}',
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bodies_are_refused_and_nothing_of_them_is_logged(url, body, caplog):
    caplog.set_level(logging.INFO, LOG.name)
    answer = httpx.post(f"{url}/v1/extract", content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"].startswith("application/json")
    assert isinstance(answer.json()["error"], str)
    assert SECRET not in caplog.text


@pytest.mark.parametrize("name", ["../rules", "%2e%2e%2frules", "a" * 5000, "<b>", "\u202e", "x\x00y"])
def test_names_that_are_paths_stay_names(url, name):
    for answer in (
        httpx.request("DELETE", f"{url}/v1/adapters/{httpx.QueryParams({'n': name})}"),
        httpx.post(f"{url}/v1/adapters", json={"name": name, "path": name}),
    ):
        assert 400 <= answer.status_code < 500


def test_text_that_looks_like_a_page_comes_back_as_data(url):
    text = "<script>alert(1)</script> Rome"
    answer = httpx.post(f"{url}/v1/extract", json={"texts": [text]})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    (entity,) = json.loads(answer.text)["documents"][0]["entities"]
    assert text[entity["start"] : entity["end"]] == "Rome"
