import heapq
import itertools

import pytest

from onoma.annotation.pace import Pace


def simulate(*, limit, latency, retry_after, seconds=120.0, workers=256):
    """Answers a second after the first thirty, and the share of refusals, at a server with a token bucket."""
    now = 0.0
    pace = Pace(10, clock=lambda: now)
    tokens, filled = 5.0, 0.0
    order = itertools.count()
    coming = [(pace.delay(), next(order), "send")]
    free, lined_up = workers, True
    answers = refusals = 0
    while coming:
        now, _, what = heapq.heappop(coming)
        if now > seconds:
            break
        if what == "send":
            lined_up, free = False, free - 1
            tokens, filled = min(5.0, tokens + (now - filled) * limit), now
            good = tokens >= 1
            tokens -= good
            heapq.heappush(coming, (now + latency, next(order), "answer" if good else "refusal"))
        else:
            free += 1
            answers += what == "answer" and now > 30
            refusals += what == "refusal" and now > 30
            pace.answered() if what == "answer" else pace.refused(retry_after)
        if free and not lined_up:
            lined_up = True
            heapq.heappush(coming, (now + pace.delay(), next(order), "send"))
    return answers / (seconds - 30), refusals / max(1, answers + refusals)


@pytest.mark.parametrize("latency", [0.02, 0.5])
@pytest.mark.parametrize("retry_after", [0.0, 1.0])
@pytest.mark.parametrize("limit", [20, 50, 120])
def test_a_limit_is_used_within_a_tenth_and_not_stormed(limit, latency, retry_after):
    rate, refused = simulate(limit=limit, latency=latency, retry_after=retry_after)
    assert 0.9 * limit <= rate <= 1.01 * limit
    assert refused < 0.02


def test_refusals_of_one_second_count_once():
    now = [0.0]
    pace = Pace(100, clock=lambda: now[0])
    for _ in range(10):
        pace.refused()
    assert pace.rate == 85
    now[0] = 2.0
    pace.refused(wait=3.0)
    assert pace.rate < 75
    assert pace.delay() >= 3.0
