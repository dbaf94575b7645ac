import json
import logging
import socket
import time

import httpx
import pytest
from loopback import serve_app

import onoma
from onoma.corpus import load_corpus
from onoma.serving.api import ServiceSettings, create_app
from onoma.serving.engines import Engines
from onoma.serving.keys import Keys, new_key
from onoma.serving.watch import LOG

SECRET = "গুৱাহাটীসৰবজান"


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text("gazetteers: {LOC: [গুৱাহাটী, Rome], PER: [Ada]}\n")
    return path


@pytest.fixture(scope="module")
def engines(tiny_run, rules):
    made = Engines()
    made.add("tiny", tiny_run)
    made.add("twin", tiny_run)
    made.add("rules", rules)
    return made


@pytest.fixture(scope="module")
def client(engines):
    with serve_app(create_app(engines, ServiceSettings(most_bytes=20_000))) as url, httpx.Client(base_url=url) as made:
        yield made


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, LOG.name)
    return caplog


def test_entities_are_those_of_the_extractor(client, tiny_run):
    texts = [document.text for document in load_corpus("examples:as")["test"]][:8]
    answer = client.post("/v1/extract", json={"texts": texts, "adapter": "twin"})
    assert answer.status_code == 200
    expected = onoma.load(tiny_run).extract(texts)
    for document, found in zip(expected, answer.json()["documents"], strict=True):
        assert [(e["start"], e["end"], e["label"], e["surface"]) for e in found["entities"]] == [
            (span.start, span.end, span.label, document.surface(span)) for span in document.spans
        ]
        assert [e["score"] for e in found["entities"]] == pytest.approx([s.score for s in document.spans], abs=1e-3)


def test_documents_labels_threshold_and_formats(client):
    document = {"text": "Ada in Rome", "tokens": [[0, 3], [4, 6], [7, 11]], "id": "x"}
    ask = {"documents": [document], "adapter": "rules"}
    (found,) = client.post("/v1/extract", json=ask | {"labels": ["LOC"]}).json()["documents"]
    assert found["id"] == "x"
    assert [entity["surface"] for entity in found["entities"]] == ["Rome"]
    (entities,) = client.post("/v1/extract", json=ask | {"format": "pipeline"}).json()["pipeline"]
    assert entities[0] == {"entity_group": "PER", "score": 1.0, "word": "Ada", "start": 0, "end": 3}
    (lines,) = client.post("/v1/extract", json=ask | {"format": "conll"}).json()["conll"]
    assert lines == "Ada\tB-PER\nin\tO\nRome\tB-LOC\n"
    scored = {"texts": ["গুৱাহাটী অসম"], "adapter": "tiny", "threshold": 1}
    assert client.post("/v1/extract", json=scored).json()["documents"] == [{"id": "", "entities": []}]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "give either texts or documents"),
        ({"texts": ["a"], "documents": [{"text": "a"}]}, "give either"),
        ({"texts": []}, "texts"),
        ({"texts": ["a"] * 1001}, "texts"),
        ({"texts": ["a"], "surprise": 1}, "surprise"),
        ({"texts": ["a"], "threshold": 2}, "threshold"),
        ({"texts": ["a"], "format": "xml"}, "format"),
        ({"texts": ["a"], "adapter": "rules", "labels": ["LOK"]}, "Did you mean 'LOC'?"),
        ({"texts": [3]}, "texts.0"),
        ({"documents": [{"text": "abc", "tokens": [[0, 9]]}], "adapter": "rules"}, "documents.0"),
        ({"documents": [{"text": "abc", "tokens": [[2, 1]]}], "adapter": "rules"}, "documents.0"),
    ],
)
def test_what_is_not_valid_is_told_by_key(client, body, says):
    answer = client.post("/v1/extract", json=body)
    assert answer.status_code == 422
    assert says in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'{"texts": ["\xff"]}',
        b'{"texts": ["\\ud800"]}',
        b'{"\\ud800": 1}',
        b"[" * 5000,
    ],
)
def test_hostile_bodies(client, body):
    answer = client.post("/v1/extract", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "../../etc/passwd", "\x00\x1b[2J", "'; DROP TABLE", "x" * 9000]
)
def test_hostile_text_is_text(client, text):
    answer = client.post("/v1/extract", json={"texts": [text], "adapter": "tiny"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


def test_too_much(client):
    body = json.dumps({"texts": ["x" * 30_000], "adapter": "tiny"}).encode()
    assert client.post("/v1/extract", content=body).status_code == 413

    def parts():
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    # Without a stated length it is counted as it comes.
    answer = client.post("/v1/extract", content=parts(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert "20000 bytes at most" in answer.json()["error"]


def test_names_and_places_that_are_not_there(client):
    assert "Name one: rules, tiny, twin" in client.post("/v1/extract", json={"texts": ["a"]}).json()["error"]
    answer = client.post("/v1/extract", json={"texts": ["a"], "adapter": "tinny"})
    assert (answer.status_code, "Did you mean 'tiny'?" in answer.text) == (404, True)
    assert client.get("/nothing").json() == {"error": "Not Found"}
    assert client.get("/v1/extract").status_code == 405
    assert {one["name"] for one in client.get("/v1/adapters").json()["adapters"]} == {"tiny", "twin", "rules"}
    for call in (client.post("/v1/adapters", json={"name": "a", "run": "b"}), client.delete("/v1/adapters/tiny")):
        assert call.status_code == 403, "nobody may load where there are no keys"


def test_health_metrics_and_description(client):
    client.post("/v1/extract", json={"texts": ["Rome"], "adapter": "rules"})
    assert client.get("/health").json()["status"] == "ok"
    assert client.get("/ready").json() == {"status": "ready"}
    metrics = client.get("/metrics").text
    assert 'onoma_requests_total{route="/v1/extract",status="200"}' in metrics
    assert 'onoma_entities_total{adapter="rules",label="LOC"}' in metrics
    assert "onoma_waiting_characters 0.0" in metrics
    description = client.get("/openapi.json").json()
    assert description["components"]["schemas"]["ExtractRequest"]["examples"]
    assert {"401", "404", "413", "422", "429", "504"} <= set(description["paths"]["/v1/extract"]["post"]["responses"])


def test_logs_tell_of_requests_but_never_what_was_sent(client, log):
    ask = {"texts": [SECRET], "adapter": "tiny"}
    answers = [
        client.post("/v1/extract", json=ask, headers={"X-Request-ID": "mine-1"}),
        client.post("/v1/extract", json=ask | {SECRET: 1}, headers={"X-Request-ID": SECRET.encode()}),
        client.get(f"/{SECRET}"),
    ]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert ids[0] == answers[0].json()["request_id"] == "mine-1"

    def lines():
        return {line["request"]: line for line in (json.loads(record.message) for record in log.records)}

    # A line is written when its answer has gone out, so it may come a moment after it.
    deadline = time.monotonic() + 5
    while not lines().keys() >= set(ids) and time.monotonic() < deadline:
        time.sleep(0.01)
    told = [lines()[one] for one in ids]
    assert [line["status"] for line in told] == [200, 422, 404]
    assert (told[0]["adapter"], told[0]["characters"]) == ("tiny", len(SECRET))
    assert SECRET not in json.dumps(list(lines().values()), ensure_ascii=False)
    assert SECRET not in client.get("/metrics").text


@pytest.fixture
def guarded(tiny_run, rules, tmp_path):
    keys = tmp_path / "keys.yaml"
    user, admin = new_key(keys, "team"), new_key(keys, "boss", "admin")
    engines = Engines()
    engines.add("rules", rules)
    app = create_app(engines, ServiceSettings(runs=tiny_run.parent), Keys.read(keys))
    with serve_app(app) as url, httpx.Client(base_url=url) as client:
        yield client, {"Authorization": f"Bearer {user}"}, {"Authorization": f"Bearer {admin}"}


def test_keys_and_loading(guarded, tiny_run):
    client, user, admin = guarded
    ask = {"texts": ["Rome"], "adapter": "new"}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
        assert client.post("/v1/extract", json=ask, headers=headers).status_code == 401
        assert client.get("/v1/adapters", headers=headers).status_code == 401
    assert client.get("/health").status_code == 200
    load = {"name": "new", "run": tiny_run.name}
    assert client.post("/v1/adapters", json=load, headers=user).status_code == 403
    assert client.post("/v1/extract", json=ask, headers=user).status_code == 404
    made = client.post("/v1/adapters", json=load, headers=admin)
    assert (made.status_code, made.json()["kind"]) == (201, "adapter")
    assert client.post("/v1/extract", json=ask, headers=user).status_code == 200
    for run in ("../..", "/etc", "nothing", ".", "a\nb"):
        answer = client.post("/v1/adapters", json={"name": "bad", "run": run}, headers=admin)
        assert answer.status_code in (404, 422)
    assert client.post("/v1/adapters", json={"name": "../x", "run": "a"}, headers=admin).status_code == 422
    assert client.delete("/v1/adapters/new", headers=user).status_code == 403
    assert client.delete("/v1/adapters/new", headers=admin).status_code == 204
    assert client.delete("/v1/adapters/new", headers=admin).status_code == 404
    assert client.post("/v1/extract", json=ask, headers=user).status_code == 404


class Stuck(Engines):
    """Engines that take as long as they are told."""

    def __init__(self, gate):
        super().__init__()
        self.gate = gate

    def extract(self, documents, names):
        assert self.gate.wait(10)
        return super().extract(documents, names)


def test_overload_is_refused_and_waiting_ends(rules):
    import threading
    from concurrent.futures import ThreadPoolExecutor

    gate = threading.Event()
    engines = Stuck(gate)
    engines.add("rules", rules)
    app = create_app(engines, ServiceSettings(deadline=0.5, waiting=2000, batch=1000))
    ask = {"texts": ["Rome " * 180]}
    with serve_app(app) as url, httpx.Client(base_url=url) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/extract", json=ask), range(8)))
        codes = sorted(answer.status_code for answer in answers)
        assert set(codes) == {429, 504}
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert int(refused.headers["retry-after"]) >= 1
        gate.set()
        assert client.post("/v1/extract", json=ask).status_code == 200


def test_those_who_leave_are_not_waited_for(engines):
    with serve_app(create_app(engines)) as url, httpx.Client(base_url=url) as client:
        host, port = url.removeprefix("http://").split(":")
        body = json.dumps({"texts": ["Rome"] * 50, "adapter": "tiny"}).encode()
        lines = (
            "POST /v1/extract HTTP/1.1",
            "Host: x",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        )
        head = "\r\n".join([*lines, "", ""])
        for cut in range(0, len(body), len(body) // 20):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(head.encode() + body[:cut])
        assert client.post("/v1/extract", json={"texts": ["Rome"], "adapter": "rules"}).status_code == 200
        assert "onoma_waiting_characters 0.0" in client.get("/metrics").text
