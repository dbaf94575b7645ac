import threading
import time

import pytest

from onoma.document import Document, Span
from onoma.errors import OnomaError
from onoma.serving.batcher import Batcher, DeadlineError, QueueFullError


class Slow:
    """An extractor that marks all of a text, when it is allowed to."""

    def __init__(self):
        self.go = threading.Event()
        self.calls = []

    def __call__(self, documents, names):
        self.calls.append(list(names))
        assert self.go.wait(5)
        if "broken" in names:
            raise ZeroDivisionError
        return [
            OnomaError("not this one") if name == "bad" else document.with_spans([Span(0, 1, name)])
            for document, name in zip(documents, names, strict=True)
        ]


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def batcher(slow):
    made = Batcher(slow, batch=10, waiting=30)
    yield made
    slow.go.set()
    made.close()


def submit(batcher, name, count=1, seconds=5.0):
    return batcher.submit([Document("abcd")] * count, name, seconds=seconds)


def until(condition):
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert condition()


def test_what_gathers_while_a_batch_is_worked_on_goes_together(batcher, slow):
    first = submit(batcher, "a")
    until(lambda: slow.calls)
    rest = [submit(batcher, name) for name in "bcd"]
    slow.go.set()
    assert [future.result(5)[0].spans[0].label for future in [first, *rest]] == list("abcd")
    assert slow.calls == [["a"], ["b", "c"], ["d"]], "ten characters a batch"
    assert batcher.waiting == 0


def test_a_full_queue_says_when_to_come_again(batcher, slow):
    submit(batcher, "a")
    until(lambda: slow.calls)
    submit(batcher, "b", 5)
    with pytest.raises(QueueFullError) as refused:
        submit(batcher, "c", 2)
    assert refused.value.seconds >= 1
    assert submit(batcher, "d", 1)
    slow.go.set()


def test_one_that_is_larger_than_the_queue_still_runs(batcher, slow):
    slow.go.set()
    assert len(submit(batcher, "a", 50).result(5)) == 50


def test_deadlines_and_those_who_left(batcher, slow):
    submit(batcher, "a")
    until(lambda: slow.calls)
    late, gone = submit(batcher, "late", seconds=0), submit(batcher, "gone")
    assert gone.cancel()
    slow.go.set()
    with pytest.raises(DeadlineError):
        late.result(5)
    assert submit(batcher, "z").result(5)
    assert slow.calls == [["a"], ["z"]]


def test_failures_stay_with_their_requests(batcher, slow):
    slow.go.set()
    with pytest.raises(OnomaError, match="not this one"):
        submit(batcher, "bad").result(5)
    with pytest.raises(ZeroDivisionError):
        submit(batcher, "broken").result(5)
    assert submit(batcher, "good").result(5)
    assert batcher.alive


def test_closing_finishes_what_waits(slow):
    batcher = Batcher(slow, batch=10, waiting=1000)
    futures = [submit(batcher, "a") for _ in range(20)]
    slow.go.set()
    batcher.close()
    assert all(future.done() for future in futures)
    assert not batcher.alive
    with pytest.raises(QueueFullError):
        submit(batcher, "a")


def test_what_would_come_too_late_is_refused_at_once():
    def steady(documents, names):
        time.sleep(0.02 * len(documents))
        return list(documents)

    batcher = Batcher(steady, batch=1000, waiting=100_000)
    try:
        submit(batcher, "a", 5).result(5)  # now it knows that it reads about 250 characters a second
        accepted = [submit(batcher, "b", 10, seconds=5.0) for _ in range(3)]
        with pytest.raises(QueueFullError):
            submit(batcher, "c", 10, seconds=0.3)
        assert submit(batcher, "d", 10, seconds=5.0).result(5)
        assert all(future.done() for future in accepted)
    finally:
        batcher.close()


def test_those_who_ask_again_at_once_go_together():
    sizes = []

    def extract(documents, names):
        sizes.append(len(documents))
        time.sleep(0.4)
        return documents

    batcher = Batcher(extract)

    def ask():
        for _ in range(4):
            submit(batcher, "a").result(10)

    callers = [threading.Thread(target=ask) for _ in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    batcher.close()
    # Without the pause after a batch the first to ask again would go alone, and the others after it, for ever.
    assert sizes[2:-1]
    assert all(size >= 5 for size in sizes[2:-1]), sizes
