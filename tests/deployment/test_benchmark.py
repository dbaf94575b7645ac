import time

import pytest

import onoma
from onoma.deployment.benchmark import Speed, time_systems
from onoma.deployment.limits import gemm_peak, work_per_piece
from onoma.document import Document


def test_systems_are_timed_in_turns():
    calls = []

    def system(name, seconds):
        def run(documents):
            calls.append((name, len(documents)))
            time.sleep(seconds)

        return run

    documents = [Document("a b c"), Document("d")]
    found = time_systems({"slow": system("slow", 0.02), "quick": system("quick", 0.002)}, documents, rounds=3)
    assert calls[:3] == [("slow", 2), ("slow", 1), ("slow", 1)]
    assert [name for name, size in calls if size == 2] == ["slow", "quick"] * 4, "a round more, to warm up"
    assert len(found["slow"].seconds) == 3
    assert found["quick"].sentences > 3 * found["slow"].sentences
    assert found["slow"].words == pytest.approx(2 * found["slow"].sentences)
    assert 0.02 <= found["slow"].p50 <= found["slow"].p95 <= found["slow"].p99


def test_spread():
    speed = Speed(100.0, 300.0, (1.0, 2.0, 4.0), 0.1, 0.2, 0.3)
    assert speed.spread == (50.0, 200.0)


def test_work_of_a_tagger(tiny_run):
    # Two layers of four products of 32 × 32 and two of 32 × 64, and a head of 32 × 7.
    assert work_per_piece(onoma.load(tiny_run)) == 2 * (2 * (4 * 32 * 32 + 2 * 32 * 64) + 32 * 7)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_limits(precision):
    assert 1e8 < gemm_peak(precision, threads=1) < 1e15
