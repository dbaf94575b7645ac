"""A generator behind a server: one on loopback that speaks vLLM's dialect and writes with the run's own decoder."""

import math

import pytest
import yaml
from loopback import serve_app
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import onoma
from onoma.errors import DataError, ModelError
from onoma.models.writing import Request

TEXTS = ["Ubuntu 22.04 throws", "Java on Windows", "গুৱাহাটী"]


class Server:
    """Continues texts as vLLM's completions do."""

    def __init__(self, writer):
        self.decoder = onoma.load(writer).decoder
        self.bodies = []
        self.tells_pieces = True

    async def complete(self, request):
        body = await request.json()
        self.bodies.append(body)
        if body["model"] == "missing":
            return JSONResponse({"message": "no such model"}, 404)
        grammar = body.get("structured_outputs", {}).get("grammar") or body.get("guided_grammar")
        asked = Request((), tuple(body["prompt"]), grammar, body["max_tokens"])
        (written,) = self.decoder.write([asked])
        choice = {
            "index": 0,
            "text": self.decoder.vocabulary.text(written.pieces),
            "finish_reason": "stop" if written.whole else "length",
            "logprobs": {"token_logprobs": [math.log(one) for one in written.probabilities], "tokens": []},
        }
        if self.tells_pieces:
            choice["token_ids"] = [*written.pieces, self.decoder.vocabulary.end]
        return JSONResponse({"id": "1", "object": "text_completion", "created": 1, "model": "x", "choices": [choice]})


@pytest.fixture(scope="module")
def server(writer):
    made = Server(writer)
    with serve_app(Starlette(routes=[Route("/v1/completions", made.complete, methods=["POST"])])) as url:
        made.url = f"{url}/v1"
        yield made


@pytest.fixture
def served(server, writer, write):
    def make(**changes):
        keys = {"run": str(writer), "url": server.url, "model": "writer"} | changes
        return onoma.load(write("served.yaml", yaml.safe_dump(keys)))

    server.tells_pieces = True
    server.bodies.clear()
    return make


@pytest.mark.parametrize("tells_pieces", [True, False])
@pytest.mark.parametrize("field", ["structured_outputs", "guided_grammar"])
def test_a_server_writes_what_the_run_writes_here(served, server, writer, tells_pieces, field):
    server.tells_pieces = tells_pieces
    here = onoma.load(writer)
    found = served(grammar=field).extract(TEXTS)
    assert [[(s.start, s.end, s.label) for s in document.spans] for document in found] == [
        [(s.start, s.end, s.label) for s in document.spans] for document in here.extract(TEXTS)
    ]
    assert len(server.bodies) == len(TEXTS)
    assert all(field in body for body in server.bodies)
    assert all(body["temperature"] == 0 for body in server.bodies)


def test_without_grammar_none_is_sent(served, server):
    served().with_settings(grounded=False).extract(TEXTS[:1])
    assert not {"structured_outputs", "guided_grammar"} & set(server.bodies[0])


def test_a_server_that_refuses_or_is_not_there_is_said(served):
    with pytest.raises(ModelError, match="refuses with status 404"):
        served(model="missing").extract(TEXTS[0])
    with pytest.raises(ModelError, match="no answer from the server"):
        served(url="http://127.0.0.1:9/v1").extract(TEXTS[0])


def test_a_file_with_a_wrong_key_is_said(served):
    with pytest.raises(DataError, match="modle"):
        served(modle="x")
