import contextlib
import json
import threading

import openai
import pytest
from batch_server import BatchFaults, BatchServer, echo
from loopback import serve_app
from starlette.responses import JSONResponse

from onoma.annotation import batch as module
from onoma.annotation.batch import BatchLimits, ask_in_batches, cancel_batches, open_batches
from onoma.annotation.batch_files import read_answers, write_requests
from onoma.annotation.journal import Journal
from onoma.annotation.questions import Limits, Question
from onoma.errors import DataError, ModelError
from onoma.extractors import apis
from onoma.extractors.answers import Answer, request_key

PATH = apis.PATHS["chat"]
EVERYTHING = BatchFaults(
    refuse=0.03,
    error=0.03,
    late_error=0.03,
    drop=0.02,
    truncate=0.05,
    invalid=0.1,
    expire=0.15,
    item_error=0.03,
    missing=0.03,
    malformed=0.03,
    doubled=0.03,
    stranger=0.02,
)


def questions(count):
    for number in range(count):
        body = {"model": "m", "messages": [{"role": "user", "content": f"text {number}"}]}
        yield Question(request_key(body), f"item {number}", body)


def text_of(question):
    return question.body["messages"][0]["content"]


def read(reply):
    return Answer(*apis.read_reply("chat", reply), 0.01)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal.sqlite") as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch):
    monkeypatch.setattr(module, "_FIRST_WAIT", 0.001)


@contextlib.contextmanager
def served(server):
    with serve_app(server.app()) as url:
        yield openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0, timeout=5)


def ask(client, journal, count, limits=None, **batches):
    batches = BatchLimits(**{"poll": 0.01, "requests": 50} | batches)
    limits = limits or Limits(tries=8)
    return ask_in_batches(questions(count), client, "chat", read, journal, limits, batches, estimate=lambda _: 0.01)


def check(journal, server, count):
    """Every question has its own answer, and was paid once."""
    for question in questions(count):
        assert journal.answer(question.key).text == echo(text_of(question))
        assert server.paid[text_of(question)] == 1


def test_answers_find_their_questions(journal):
    server = BatchServer()
    with served(server) as client:
        progress = ask(client, journal, 120)
    assert (progress.asked, progress.answered, progress.tokens) == (120, 120, 120 * 110)
    assert progress.cost == pytest.approx(1.2)
    assert len(server.batches) == 3
    check(journal, server, 120)
    assert [entry.item for entry in journal.entries()].count("item 7") == 1
    with served(server) as client:
        assert ask(client, journal, 120).asked == 0
    assert len(server.batches) == 3, "nothing is paid twice"


def test_everything_that_can_go_wrong_does(journal):
    server = BatchServer(EVERYTHING, most_requests=40, seed=4)
    with served(server) as client:
        progress = ask(client, journal, 600)
    assert progress.answered == 600
    assert set(server.seen) >= {*vars(EVERYTHING), "invalid_request", "oversized"} - {"invalid"}
    check(journal, server, 600)


def test_a_refused_batch_is_split_down_to_the_request_that_is_at_fault(journal):
    class Picky(BatchServer):
        def _start(self, body, lines):
            made = super()._start(body, lines)
            if any("text 13" in json.dumps(line) for line in lines):
                self.batches[made["id"]] |= {"status": "failed", "code": "invalid_request"}
            return self._shown(made["id"])

    server = Picky()
    with served(server) as client:
        progress = ask(client, journal, 40, Limits(tries=2))
    assert (progress.answered, progress.failed) == (39, 1)
    assert journal.failures() == {"refused": 1}
    assert max(server.paid.values()) == 1


def test_a_full_queue_is_waited_for(journal):
    server = BatchServer(most_queued=100, seconds=0.05)
    with served(server) as client:
        progress = ask(client, journal, 300)
    assert progress.answered == 300
    assert server.seen["token_limit_exceeded"] > 0
    check(journal, server, 300)
    own = BatchServer(seconds=0.05)
    with served(own) as client, Journal(journal._path.with_name("other.sqlite")) as other:
        assert ask(client, other, 300, queued_tokens=5000).answered == 300
    assert own.seen["token_limit_exceeded"] == 0


def test_what_a_killed_command_left_is_found_again(journal):
    server = BatchServer()
    with served(server) as client:
        address = str(client.base_url).rstrip("/")
        keys = [question.key for question in questions(90)]
        journal.await_answers([(question.key, question.item) for question in questions(90)])
        with module.Spool(questions(90), PATH, journal) as spool:
            # Killed after the batch was made, before its name was known; before it was made; and while it was out.
            journal.mark_sent(keys[:30], f"not yet {address} aaaa")
            made = client.files.create(file=("a", b"".join(map(spool.line, keys[:30]))), purpose="batch")
            client.batches.create(
                input_file_id=made.id, endpoint=PATH, completion_window="24h", metadata={"onoma": "aaaa"}
            )
            journal.mark_sent(keys[30:60], f"not yet {address} bbbb")
            made = client.files.create(file=("a", b"".join(map(spool.line, keys[60:]))), purpose="batch")
            out = client.batches.create(input_file_id=made.id, endpoint=PATH, completion_window="24h")
            journal.mark_sent(keys[60:], f"{address} {out.id}")
        progress = ask(client, journal, 90)
    assert (progress.asked, progress.answered) == (30, 90)
    check(journal, server, 90)


def test_cancelled_batches_keep_what_they_answered(journal):
    server = BatchServer(seconds=0.3)
    with served(server) as client:
        thread = threading.Thread(target=lambda: ask(client, journal, 60), daemon=True)
        thread.start()
        while not (found := list(open_batches(client, journal))) or len(found) < 2:
            pass
        assert {status for _, status, _ in found} == {"in_progress"}
        assert cancel_batches(client, journal) == 2
        thread.join(20)
        assert {batch["status"] for batch in server.batches.values()} == {"cancelled", "completed"}
    check(journal, server, 60)


@pytest.mark.parametrize(
    ("limits", "asked"), [({"requests": 70}, 70), ({"money": 0.305}, 30), ({"tokens": 1200}, None)]
)
def test_a_budget_ends_the_sending(journal, limits, asked):
    server = BatchServer()
    with served(server) as client:
        progress = ask(client, journal, 200, Limits(**limits))
        assert progress.stopped == next(iter(limits))
        assert 0 < progress.asked == progress.answered < 200
        assert asked is None or progress.asked == asked
        assert ask(client, journal, 200).answered == 200 - progress.asked


def test_servers_that_let_nobody_in_or_are_gone(journal):
    with pytest.raises(ModelError, match="no answer"):
        ask(openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0), journal, 3)
    assert journal.counts()["waiting"] == 3

    class Closed(BatchServer):
        def _faulty(self, work):
            return JSONResponse({"error": {"message": "no"}}, 401)

    with served(Closed()) as client, pytest.raises(ModelError, match="status 401"):
        ask(client, journal, 3)


def test_files_for_run_batch(journal, tmp_path):
    path = tmp_path / "requests.jsonl"
    journal.record(next(questions(1)).key, "item 0", Answer("[]"))
    assert write_requests(questions(5), PATH, journal, path) == 4
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {(line["method"], line["url"]) for line in lines} == {("POST", PATH)}
    answers = [BatchServer._line(line["custom_id"], {"choices": [{"message": {"content": "x"}}]}) for line in lines]
    answers[3]["response"] = {"status_code": 400, "body": {"object": "error", "message": "too long"}}
    (tmp_path / "out.jsonl").write_text("".join(json.dumps(line) + "\n" for line in answers[::-1]) + "\n7\n{")
    progress = read_answers(tmp_path / "out.jsonl", read, journal, tries=2)
    assert (progress.answered, progress.retried) == (3, 1)
    assert journal.failures() == {"status 400": 1}
    (tmp_path / "none.jsonl").write_text('{"custom_id": "zz"}\n')
    for name, message in (("none", "no answer in it"), ("gone", "no such file of answers")):
        with pytest.raises(DataError, match=message):
            read_answers(tmp_path / f"{name}.jsonl", read, journal, tries=2)
