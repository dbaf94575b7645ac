import itertools
import os
import signal
import time

import pytest

from onoma.errors import DataError, OnomaError
from onoma.scale.workers import AHEAD, LocalWorkers, open_workers


def doubler():
    return double


def double(item):
    # The first items take longest, so that later ones are ready before them.
    time.sleep(max(0.0, 0.05 - item / 100))
    return 2 * item


def refuser():
    return refuse


def refuse(item):
    raise DataError("no such row", where=f"a.txt:{item}", mend="Mend it.")


def killer():
    return lambda item: os.kill(os.getpid(), signal.SIGKILL)


def own_threads():
    return lambda _: os.environ["OMP_NUM_THREADS"]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_order(count):
    assert list(LocalWorkers(count).map(doubler, range(17))) == [2 * item for item in range(17)]
    assert list(LocalWorkers(count).map(doubler, [])) == []


@pytest.mark.parametrize("count", [1, 2])
def test_items_are_read_no_further_ahead_than_needed(count):
    read = []

    def items():
        for item in itertools.count():
            read.append(item)
            yield item

    results = LocalWorkers(count).map(doubler, items())
    assert list(itertools.islice(results, 5)) == [0, 2, 4, 6, 8]
    assert len(read) <= 5 + count * AHEAD
    results.close()


@pytest.mark.parametrize("count", [1, 2])
def test_what_a_worker_raises_is_raised_here(count):
    with pytest.raises(DataError, match=r"^a.txt:3: no such row. Mend it.$"):
        list(LocalWorkers(count).map(refuser, [3]))


def test_a_killed_worker_is_an_error_with_a_mend():
    with pytest.raises(OnomaError, match="a worker process ended at once. Perhaps memory ran out: try fewer --workers"):
        list(LocalWorkers(2).map(killer, [1, 2, 3]))


def test_workers_share_the_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = os.cpu_count() or 1
    assert set(LocalWorkers(2).map(own_threads, range(4))) == {str(max(1, cores // 2))}


def test_only_ray_has_an_address():
    with (
        pytest.raises(OnomaError, match="--address: only Ray has an address. Add --engine ray"),
        open_workers("local", 1, "auto"),
    ):
        pass
