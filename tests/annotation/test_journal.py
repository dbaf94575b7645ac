import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from onoma.annotation.journal import Journal
from onoma.errors import DataError
from onoma.extractors.answers import Answer, request_key


def key(number):
    return request_key({"model": "m", "text": str(number)})


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "paid" / "journal.sqlite") as opened:
        yield opened


def test_the_order_of_keys_does_not_count_and_everything_else_does():
    body = {"model": "m", "messages": [{"role": "user", "content": "a"}], "temperature": 0}
    assert request_key(body) == request_key(dict(reversed(body.items())))
    assert len({request_key(body | {name: "other"}) for name in body} | {request_key(body)}) == 4


def test_an_answer_is_kept_and_the_first_counts(journal, tmp_path):
    assert journal.answer(key(1)) is None
    assert journal.record(key(1), "a", Answer("[]", 10, 2, 0.5))
    assert not journal.record(key(1), "a", Answer("other", 99, 99, 99.0))
    assert journal.answer(key(1)) == Answer("[]", 10, 2, 0.5)
    journal.close()
    with Journal(tmp_path / "paid" / "journal.sqlite") as again:
        assert again.answer(key(1)) == Answer("[]", 10, 2, 0.5)
        assert again.spent() == Answer("", 10, 2, 0.5)


def test_a_request_waits_is_sent_fails_and_is_answered(journal):
    assert journal.await_answers((key(number), f"item {number}") for number in range(4)) == 4
    assert journal.await_answers([(key(0), "item 0")]) == 0
    journal.mark_sent([key(0), key(1)], "batch 1")
    journal.mark_sent([key(2)], "batch 2")
    assert journal.batches() == ["batch 1", "batch 2"]
    assert journal.keys_in("sent", "batch 2") == [key(2)]
    journal.record(key(0), "item 0", Answer("x"))
    assert journal.take_back("batch 1") == 1
    assert journal.fail(key(2), "timeout", "60 s", most_tries=2) == "waiting"
    assert journal.fail(key(2), "timeout", "60 s", most_tries=2) == "failed"
    assert journal.fail(key(0), "late", "", most_tries=1) == "answered", "an answer is never lost"
    assert journal.counts() == {"waiting": 2, "sent": 0, "answered": 1, "failed": 1}
    assert journal.failures() == {"timeout": 1}
    journal.await_answers([(key(2), "item 2")])
    assert journal.counts()["failed"] == 0, "asked for anew, it gets new tries"
    (entry,) = journal.entries("answered")
    assert (entry.key, entry.item, entry.answer) == (key(0), "item 0", Answer("x"))
    assert sorted(found.item for found in journal.entries()) == [f"item {number}" for number in range(4)]


def test_threads_share_a_journal(journal):
    def write(first):
        for number in range(first, first + 200):
            journal.record(key(number % 500), str(number), Answer(str(number)))

    threads = [threading.Thread(target=write, args=(first,)) for first in range(0, 800, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.counts()["answered"] == 500


def test_writes_are_quick(journal):
    start = time.perf_counter()
    for number in range(2_000):
        journal.record(key(number), str(number), Answer('[["Ann", "PER"]]', 100, 10, 0.001))
    # A slow machine under load gets a fifth of what is promised for a quiet one.
    assert 2_000 / (time.perf_counter() - start) > 1_000


def test_a_killed_process_loses_no_answer(tmp_path):
    path = tmp_path / "journal.sqlite"
    program = (
        "from pathlib import Path\n"
        "from onoma.annotation.journal import Journal\n"
        "from onoma.extractors.answers import Answer, request_key\n"
        f"journal = Journal(Path({str(path)!r}))\n"
        "for number in range(10**6):\n"
        "    journal.record(request_key({'n': number}), str(number), Answer(str(number)))\n"
        "    print(number, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    told = [process.stdout.readline() for _ in range(50)]
    os.kill(process.pid, signal.SIGKILL)
    told += process.stdout.readlines()
    process.wait()
    last = max(int(line) for line in told if line.endswith("\n"))
    with Journal(path) as journal:
        for number in range(last + 1):
            assert journal.answer(request_key({"n": number})) == Answer(str(number))


def test_space_comes_back(journal):
    for number in range(500):
        journal.record(key(number), "x" * 1_000, Answer("y" * 1_000))
    journal._database.execute("DELETE FROM request WHERE key > x'10'")
    assert journal.compact() > 100_000


def test_what_is_no_journal_is_told(write, tmp_path):
    with pytest.raises(DataError, match=r"notes.txt: not a journal"):
        Journal(write("notes.txt", "hello, this is a text that is long enough to be no database" * 10))
    path = tmp_path / "new.sqlite"
    with Journal(path) as journal:
        journal._database.execute("PRAGMA user_version = 99")
    with pytest.raises(DataError, match="this journal is of a newer Onoma"):
        Journal(path)
