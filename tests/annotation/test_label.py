import json

import pytest
import yaml
from openai_server import Faults, OpenAIServer, serve

import onoma
from onoma.annotation.journal import Journal
from onoma.annotation.label import estimate, label
from onoma.annotation.questions import Limits
from onoma.document import Document
from onoma.errors import DataError
from onoma.extractors.rules import RulesExtractor


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal.sqlite") as opened:
        yield opened


@pytest.fixture
def endpoint(write):
    def make(server, **changes):
        content = {"model": "m", "url": server.url, "labels": {"X": ""}, "timeout": 2}
        return onoma.load(write("llm.yaml", yaml.safe_dump(content | changes)))

    return make


TEXTS = [Document(f"Name{number} is here", id=str(number)) for number in range(40)]


def test_an_endpoint_labels_and_is_not_asked_twice(endpoint, journal):
    with serve(OpenAIServer(faults=Faults(error=0.1, truncate=0.1))) as server:
        done = label(TEXTS, {"llm": endpoint(server)}, journal=journal, limits=Limits(rate=200))
        assert [document.surface(document.spans[0]) for document in done.documents] == [
            f"Name{number}" for number in range(40)
        ]
        assert done.labels == {"X": 40}
        assert done.endpoints["llm"]["statuses"] == {"exact": 40}
        again = label(TEXTS, {"llm": endpoint(server)}, journal=journal)
        assert again.documents == done.documents
        assert again.endpoints["llm"]["asked"] == 0
        assert max(server.paid.values()) == 1


def test_what_has_no_answer_is_left_out_and_counted(endpoint, journal):
    with serve(OpenAIServer()) as server:
        extractor = endpoint(server, concurrency=1)
        done = label(TEXTS, {"llm": extractor}, journal=journal, limits=Limits(requests=10, rate=200))
        assert (len(done.documents), done.unanswered) == (10, 30)
        assert done.endpoints["llm"]["stopped"] == "requests"
        assert done.to_dict()["documents"] == 10


def test_several_labellers_vote(endpoint, journal):
    rules = RulesExtractor({"X": [f"Name{number}" for number in range(20)]})
    more = RulesExtractor({"X": [f"Name{number}" for number in range(30)]})
    with serve(OpenAIServer()) as server:
        labellers = {"llm": endpoint(server), "rules": rules, "more": more}
        done = label(TEXTS, labellers, journal=journal, limits=Limits(rate=200), vote="majority")
        assert done.labels == {"X": 40}  # the lists deny none of what they lack
        assert done.sources["rules"]["coverage"] == 0.5
        with pytest.raises(DataError, match="llm: a labeller with an open label set cannot vote"):
            label(TEXTS, labellers | {"llm": endpoint(server, labels={})}, journal=journal)
    with pytest.raises(DataError, match="no labeller"):
        label(TEXTS, {}, journal=journal)


def test_the_commands(onoma_cli, write, tmp_path):
    raw = write("raw.jsonl", "".join(json.dumps({"text": document.text}) + "\n" for document in TEXTS[:5]))
    target, record = tmp_path / "out.jsonl", tmp_path / "paid.sqlite"
    with serve(OpenAIServer()) as server:
        content = {"model": "m", "url": server.url, "labels": {"X": ""}, "prices": {"input": 10}}
        llm = write("llm.yaml", yaml.safe_dump(content))
        done = onoma_cli("label", raw, target, "--with", llm, "--journal", record)
    assert done.code == 0
    assert "5 requests, 5 answers, 0 failed, 0 refusals, 550 tokens, cost 0.0050" in done.out
    assert "mentions: 5 exact; 0 answers of faulty form" in done.out
    assert "5 documents, X 5" in done.out
    assert len(target.read_text().splitlines()) == 5
    # The server is gone, but nothing has to be asked.
    assert onoma_cli("label", raw, target, "--with", llm, "--journal", record, "--json").json["labels"] == {"X": 5}
    told = onoma_cli("journal", record, "--export", tmp_path / "rows.jsonl", "--compact").out
    assert "0 waiting, 0 sent, 5 answered, 0 failed" in told
    assert "500 + 50 tokens, cost 0.0050" in told
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert {row["answer"] for row in rows} == {f'[["Name{number}", "X"]]' for number in range(5)}
    assert onoma_cli("journal", record, "--json").json["answered"] == 5
    assert onoma_cli("journal", tmp_path / "gone.sqlite").code == 3
    rules = write("rules.yaml", "gazetteers: {X: [Name1]}")
    done = onoma_cli("label", raw, target, "--with", llm, "--with", rules, "--journal", record)
    assert "Labellers" in done.out
    done = onoma_cli("label", "examples:as", target, "--with", rules, "--journal", record)
    assert "there are several splits. Name one with --split: train, validation, test" in done.err


def test_a_model_that_is_asked_to_verify_is_asked_in_two_rounds(endpoint, journal):
    def answer(text):
        if text.startswith("Text:"):
            return "[1]" if "Name1 " in text else "[]"
        return json.dumps([[text.split()[0], "X"]])

    with serve(OpenAIServer(answer)) as server:
        done = label(TEXTS[:3], {"llm": endpoint(server, verify=True)}, journal=journal, limits=Limits(rate=200))
        assert done.labels == {"X": 1}
        assert (done.endpoints["llm"]["asked"], done.endpoints["llm"]["withdrawn"]) == (6, 2)
        assert label(TEXTS[:3], {"llm": endpoint(server, verify=True)}, journal=journal).endpoints["llm"]["asked"] == 0


def test_a_budget_holds_over_both_rounds(endpoint, journal):
    with serve(OpenAIServer()) as server:
        extractor = endpoint(server, verify=True, concurrency=1)
        done = label(TEXTS[:3], {"llm": extractor}, journal=journal, limits=Limits(rate=200, requests=4))
        assert done.endpoints["llm"]["asked"] == 4
        assert done.endpoints["llm"]["stopped"] == "requests"
        assert done.unanswered == 2


def test_an_estimate_knows_what_was_asked(endpoint, journal):
    with serve(OpenAIServer()) as server:
        extractor = endpoint(server, prices={"input": 1.0, "output": 4.0})
        before = estimate(TEXTS, extractor, journal, batch=False)
        assert (before.requests, before.known, before.output_tokens) == (40, 0, 40 * 512)
        label(TEXTS[:10], {"llm": extractor}, journal=journal, limits=Limits(rate=200))
        after = estimate(TEXTS, extractor, journal, batch=True)
        assert (after.requests, after.known, after.output_tokens) == (30, 10, 30 * 10)
        assert after.cost == pytest.approx((after.input_tokens + 4 * 300) / 2e6, rel=1e-3)
