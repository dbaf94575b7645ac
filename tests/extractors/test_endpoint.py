"""Against a stand-in of the protocol; the integration tests ask a real model."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

import onoma
from onoma.annotation.journal import Journal
from onoma.document import Document, Span
from onoma.errors import DataError, ModelError


class Server(ThreadingHTTPServer):
    """Answers chat completions with what a function makes of the messages."""

    def __init__(self, answer):
        self.asked = []
        self.answer = answer
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Authorization"], body))
        content = self.server.answer(body["messages"][-1]["content"])
        status, reply = (
            content
            if isinstance(content, tuple)
            else (
                200,
                {
                    "id": "1",
                    "object": "chat.completion",
                    "created": 0,
                    "model": body["model"],
                    "choices": [
                        {
                            "index": 0,
                            "finish_reason": "stop",
                            "message": {"role": "assistant", "content": content},
                        }
                    ],
                    "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
                },
            )
        )
        data = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint(write):
    """Makes an extractor whose server answers as a function says."""
    servers = []

    def make(answer, **changes):
        servers.append(Server(answer))
        content = {"model": "m", "url": servers[-1].url, "labels": {"PER": "people", "LOC": ""}, "retries": 0}
        return onoma.load(write("llm.yaml", yaml.safe_dump(content | changes, sort_keys=False))), servers[-1]

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def test_answers_become_spans_and_everything_is_counted(endpoint):
    extractor, server = endpoint(
        lambda text: '[["Ann", "per"], ["Rome", "LOC"], ["Paris", "LOC"], ["met", "VERB"]]',
        prices={"input": 2, "output": 10},
    )
    assert extractor.labels == ("PER", "LOC")
    first, second = extractor.extract(["Ann met Bob in ROME", "nobody"])
    assert first.spans == (Span(0, 3, "PER"), Span(15, 19, "LOC"))
    assert second.spans == ()
    usage = extractor.usage.to_dict()
    assert usage["statuses"] == {"exact": 1, "normalised": 1, "unmatched": 4}
    assert (usage["requests"], usage["input_tokens"], usage["output_tokens"]) == (2, 200, 20)
    assert usage["cost"] == pytest.approx(2 * (100 * 2 + 10 * 10) / 1e6)
    assert (usage["invalid"], usage["other_labels"]) == (0, 2)
    path, _, body = server.asked[0]
    assert (path, body["model"], body["temperature"]) == ("/v1/chat/completions", "m", 0)
    assert "- PER: people\n- LOC" in body["messages"][0]["content"]


def test_an_evaluation_says_what_it_cost(endpoint, onoma_cli, write, tmp_path):
    endpoint(lambda text: '[["Ann", "PER"]]', prices={"input": 2})
    gold = write("test.conll", "Ann B-PER\nfell O\n")
    done = onoma_cli("evaluate", tmp_path / "llm.yaml", gold)
    assert "1 requests, " in done.out
    assert "100 + 10 tokens, cost 0.0002" in done.out
    assert "0 answers of faulty form; mentions: 1 exact, 0 of types not asked for" in done.out
    assert onoma_cli("evaluate", tmp_path / "llm.yaml", gold, "--json").json["usage"]["requests"] == 1


def test_a_question_that_was_answered_is_not_asked_again(endpoint, tmp_path):
    extractor, server = endpoint(lambda text: '[["Ann", "PER"]]')
    with Journal(tmp_path / "journal.sqlite") as journal:
        extractor.memory = journal
        first = extractor.extract(["Ann", "Ann fell", "Ann"])
        assert len(server.asked) == 2, "the same text is asked about once"
        assert extractor.extract(["Ann", "Ann fell", "Ann"]) == first
        assert len(server.asked) == 2
        assert journal.spent().input_tokens == 200


def test_any_type_may_come_where_none_is_asked_for(endpoint):
    extractor, _ = endpoint(lambda text: '{"Ann": "HERO"', labels={}, codec="json-map")
    (span,) = extractor.extract("Ann").spans
    assert span.label == "HERO"
    assert extractor.labels == ()
    assert extractor.usage.invalid == 1


def test_examples_are_earlier_turns(endpoint, write):
    corpus = write("train.conll", "Bob B-PER\nstays O\n\nOslo B-LOC\nfell O\n")
    extractor, server = endpoint(lambda text: "[]", examples={"corpus": str(corpus), "count": 1})
    extractor.extract("Bob stays here")
    turns = server.asked[0][2]["messages"]
    assert [turn["role"] for turn in turns] == ["system", "user", "assistant", "user"]
    assert (turns[1]["content"], turns[2]["content"]) == ("Bob stays", '[["Bob", "PER"]]')


def test_long_texts_are_asked_in_parts_and_offsets_are_of_the_whole(endpoint):
    text = "  " + " ".join(f"Ann went to Rome by train {number}." for number in range(5)) + "  "
    extractor, server = endpoint(lambda text: '[["Ann", "PER"], ["Rome", "LOC"]]', max_words=10)
    document = extractor.extract(text)
    assert len(server.asked) == 5
    assert [document.surface(span) for span in document.spans] == ["Ann", "Rome"] * 5
    assert extractor.extract(" \n").spans == ()
    assert len(server.asked) == 5, "nothing to ask"
    assert extractor.extract(Document("x " * 25)).spans == ()
    assert len(server.asked) == 6, "a sentence is never cut"


def test_the_key_comes_from_the_environment(endpoint, monkeypatch, write):
    monkeypatch.setenv("MY_KEY", "secret")
    extractor, server = endpoint(lambda text: "[]", key_variable="MY_KEY")
    extractor.extract("Ann")
    assert server.asked[0][1] == "Bearer secret"
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    plain = onoma.load(write("plain.yaml", "model: m"))
    with pytest.raises(ModelError, match=r"plain.yaml: no API key in the environment variable OPENAI_API_KEY"):
        plain.extract("Ann")


def test_servers_that_refuse_or_are_gone_are_told(endpoint):
    extractor, server = endpoint(lambda text: (404, {"error": {"message": "no model m"}}))
    with pytest.raises(ModelError, match=rf"llm.yaml: {server.url} refuses with status 404 \(.*no model m"):
        extractor.extract("Ann")
    server.shutdown()
    server.server_close()
    with pytest.raises(ModelError, match="no answer from http://127.0.0.1"):
        extractor.extract("Ann")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("model: m\nmodle: x", "unknown key 'modle'. Did you mean 'model'"),
        ("model: m\nurl: ftp://x", "url: a URL begins with http"),
        ("model: m\ncodec: json", "codec: Input should be 'json-map'"),
        ("model: m\nexamples: {corpus: gone.conll}", "gone.conll: no such file"),
    ],
)
def test_faulty_files_are_told(write, content, told):
    with pytest.raises(DataError, match=told):
        onoma.load(write("llm.yaml", content))
