import pytest

from onoma.document import Document, Span
from onoma.evaluation.agreement import measure_agreement


def test_kappa_counts_words_and_leaves_chance_out():
    text = "a b c d e f g h i j"
    one = [Document(text, (Span(0, 3, "X"), Span(4, 5, "Y")))]
    other = [Document(text, (Span(0, 1, "X"), Span(4, 5, "Y"), Span(6, 7, "Y")))]
    found = measure_agreement(one, other)
    # Eight of ten words alike; by chance 0.2 * 0.1 (X) + 0.1 * 0.2 (Y) + 0.7 * 0.7.
    assert found.kappa == pytest.approx((0.8 - 0.53) / (1 - 0.53))
    assert found.f1 == pytest.approx(2 * 1 / (2 + 3))
    assert found.documents == 1


def test_the_same_is_one_and_nothing_at_all_too():
    same = [Document("a b", (Span(0, 1, "X"),))]
    assert measure_agreement(same, same).kappa == 1.0
    empty = [Document("a b")]
    assert measure_agreement(empty, empty).kappa == 1.0
    assert measure_agreement([Document("")], [Document("")]).kappa == 1.0
    assert measure_agreement(same, empty).kappa == pytest.approx(0.0)
