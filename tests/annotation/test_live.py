import asyncio
import json
import time

import openai
import pytest
from openai_server import Faults, OpenAIServer, serve

from onoma.annotation.journal import Journal
from onoma.annotation.live import ask_all
from onoma.annotation.questions import Limits, Question
from onoma.errors import ModelError
from onoma.extractors import apis
from onoma.extractors.answers import Answer, request_key


def questions(count, first=0):
    for number in range(first, first + count):
        body = {"model": "m", "messages": [{"role": "user", "content": f"text{number} here"}]}
        yield Question(request_key(body), f"item {number}", body)


def read(reply):
    return Answer(*apis.read_reply("chat", reply), 0.01)


def ask(url, journal, asked, **limits):
    async def work():
        async with openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0, timeout=0.8) as client:
            return await ask_all(
                asked, lambda body: apis.ask_async(client, "chat", body), read, journal, Limits(**limits)
            )

    return asyncio.run(work())


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal.sqlite") as opened:
        yield opened


def test_every_question_gets_its_own_answer_whatever_goes_wrong(journal):
    faults = Faults(refuse=0.05, error=0.05, truncate=0.04, drop=0.03, silence=0.01, silence_seconds=1.5)
    with serve(OpenAIServer(faults=faults)) as server:
        progress = ask(server.url, journal, questions(150), rate=200, tries=8)
        assert progress.answered == 150
        assert progress.retried > 5
        assert progress.refused == server.seen["refused"] > 1
        for question in questions(150):
            number = question.item.removeprefix("item ")
            assert journal.answer(question.key).text == json.dumps([[f"text{number}", "X"]])
        before = server.seen["requests"]
        assert ask(server.url, journal, questions(150)).asked == 0
        assert server.seen["requests"] == before, "nothing is paid twice"


def test_hopeless_questions_fail_with_their_reason(journal):
    with serve(OpenAIServer(faults=Faults(error=1.0))) as server:
        progress = ask(server.url, journal, questions(2), tries=2, rate=100)
    assert (progress.failed, progress.retried) == (2, 2)
    assert journal.counts()["failed"] == 2
    assert journal.failures() == {"status 500": 2}


def test_a_budget_ends_the_asking(journal):
    with serve(OpenAIServer()) as server:
        assert ask(server.url, journal, questions(50), requests=7, concurrency=1).stopped == "requests"
        assert journal.counts()["answered"] == 7
        progress = ask(server.url, journal, questions(50), tokens=500, concurrency=1)
        assert (progress.stopped, progress.tokens) == ("tokens", 550)
        progress = ask(server.url, journal, questions(50), money=0.02, concurrency=1)
        assert (progress.stopped, progress.cost) == ("money", pytest.approx(0.02))
        assert ask(server.url, journal, questions(50), rate=100).stopped is None
        assert max(server.paid.values()) == 1


def test_a_server_that_is_not_there_is_told(journal):
    with serve(OpenAIServer()) as server:
        url = server.url
    with pytest.raises(ModelError, match="no answer from http://127.0.0.1"):
        ask(url, journal, questions(3), tries=2)
    assert journal.counts()["answered"] == 0


def test_a_refusing_server_is_neither_stormed_nor_left_idle(journal):
    with serve(OpenAIServer(rate=50, faults=Faults(retry_after=0.2))) as server:
        start = time.monotonic()
        progress = ask(server.url, journal, questions(130), rate=40, concurrency=32)
        seconds = time.monotonic() - start
    assert progress.answered == 130
    # Generous, for a machine that does other things too; the simulation of the pace has the sharp figures.
    assert 130 / seconds > 25
    assert progress.refused < 40
