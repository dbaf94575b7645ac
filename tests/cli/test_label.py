import json

import pytest
import yaml
from batch_server import BatchServer
from conftest import assert_golden
from loopback import serve_app
from openai_server import OpenAIServer, serve

from onoma.corpus import load_corpus


@pytest.fixture
def raw(write):
    return write("raw.jsonl", "".join(json.dumps({"text": f"Name{n} is here", "id": str(n)}) + "\n" for n in range(6)))


@pytest.fixture
def endpoint(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def make(url, **changes):
        content = {"model": "m", "url": url, "labels": {"X": ""}, "prices": {"input": 1.0, "output": 2.0}}
        return write("llm.yaml", yaml.safe_dump(content | changes)).name

    return make


def test_an_estimate_comes_before_anything_is_asked(onoma_cli, endpoint, raw):
    with serve(OpenAIServer()) as server:
        name = endpoint(server.url)
        assert_golden("label-dry-run.txt", onoma_cli("label", raw, "out.jsonl", "--with", name, "--dry-run").out)
        assert server.seen["requests"] == 0
        done = onoma_cli("label", raw, "out.jsonl", "--with", name)
        assert done.code == 0
        assert_golden("label.txt", done.out)
        found = onoma_cli("label", raw, "out.jsonl", "--with", name, "--dry-run", "--json").json
        assert found == {name: {"requests": 0, "known": 6, "input_tokens": 0, "output_tokens": 0, "cost": 0.0}}
    assert load_corpus("out.jsonl")["train"].label_counts == {"X": 6}


def test_batches(onoma_cli, endpoint, raw):
    server = BatchServer()
    with serve_app(server.app()) as url:
        name = endpoint(f"{url}/v1", batch={"poll": 0.01, "requests": 4})
        done = onoma_cli("label", raw, "out.jsonl", "--with", name, "--batch", "--json")
        assert done.code == 0
        assert done.json["endpoints"][name]["answered"] == 6
        # At the price of batches, and nothing the model made up is in the text.
        assert done.json["endpoints"][name]["cost"] == pytest.approx(6 * (100 + 2 * 10) / 2e6)
        assert done.json["endpoints"][name]["statuses"] == {"unmatched": 6}
        assert len(server.batches) == 2
        assert onoma_cli("batches", name, "--json").json == {"batches": [], "cancelled": 0}
        assert "batch" in onoma_cli("batches", name, "--cancel").out
    assert onoma_cli("batches", name, "--journal", "none.sqlite").code == 3


def test_requests_and_answers_as_files(onoma_cli, endpoint, raw, tmp_path):
    name = endpoint("http://127.0.0.1:9/v1")
    done = onoma_cli("label", raw, "out.jsonl", "--with", name, "--to-file", "requests.jsonl")
    assert "6 requests" in done.out
    lines = [json.loads(line) for line in (tmp_path / "requests.jsonl").read_text().splitlines()]
    reply = {"choices": [{"message": {"content": '[["here", "X"]]'}}]}
    answers = [BatchServer._line(line["custom_id"], reply) for line in lines[:5]]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in answers))
    done = onoma_cli("label", raw, "out.jsonl", "--with", name, "--from-file", "answers.jsonl", "--json")
    assert (done.json["documents"], done.json["unanswered"], done.json["labels"]) == (5, 1, {"X": 5})
    again = onoma_cli("label", raw, "out.jsonl", "--with", name, "--from-file", "answers.jsonl", "--json")
    assert again.json["documents"] == 5, "what is known already is no fault"


def test_the_journal_says_what_it_holds(onoma_cli, endpoint, raw, tmp_path):
    with serve(OpenAIServer()) as server:
        onoma_cli("label", raw, "out.jsonl", "--with", endpoint(server.url))
    done = onoma_cli("journal", "--samples", 2, "--export", "answers.jsonl", "--compact")
    assert "6 answered" in done.out
    assert done.out.count('", "X"]]') == 2
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert len(rows) == 6
    assert {(row["state"], row["input_tokens"], row["output_tokens"]) for row in rows} == {("answered", 100, 10)}
    found = onoma_cli("journal", "--samples", 1, "--json").json
    assert len(found["samples"]) == 1
    assert found["failures"] == {}
