from html.parser import HTMLParser

import pytest

from onoma.evaluation.charts import Curve
from onoma.evaluation.compare import Comparison, Score, System
from onoma.evaluation.errors import KINDS
from onoma.evaluation.report import write_report


def system(name, mean, *, p=0.2, sd=0.01, curve=((1.0, 0.2), (2.0, 0.5)), robustness=None):
    kinds = dict.fromkeys(KINDS, 0.0) | {"correct": 70.5, "wrong type": 3.0}
    confusion = {"LOC": {"LOC": 70.0, "O": 30.0}, "O": {"LOC": 5.0, "O": 0.0}}
    score = Score(mean, sd, (mean - 0.05, mean + 0.05), 100)
    return System(
        *(name, (1, 2), score, score, {"LOC": mean}, {"as": mean, "hi": 0.5}, 0.1),
        *(p, p, p, 61.0, 10.0, 1_329_799, 5_339_476, list(curve)),
        *(kinds, confusion, 0.123, robustness or {}),
    )


COMPARISON = Comparison(
    "as", "test", "plain", [system("plain", 0.7, p=None), system("<b>|x", 0.8, p=0.0004)], "two cores"
)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in {"meta", "path", "use", "rect", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open and tag == self.open[-1]:
            self.open.pop()


def test_pages_hold_the_figures_and_nothing_foreign(tmp_path):
    write_report(
        COMPARISON,
        tmp_path,
        title="A & B",
        about={"plain": "as it is"},
        curves=[Curve("Sentences", {5: "plain", 10: "<b>|x"})],
    )
    page = (tmp_path / "report.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert "script" not in tags.seen
    assert "b" not in tags.seen
    assert "<title>A &amp; B</title>" in page
    assert "&lt;b&gt;|x" in page
    assert page.count("<svg") == 4
    markdown = (tmp_path / "report.md").read_text()
    assert "| plain | 2 | 0.700 ± 0.010 | 0.650–0.750 |" in markdown
    assert "| <b>\\|x | 2 | 0.800 ± 0.010 |" in markdown
    assert "< 0.001" in markdown
    assert "Best: <b>|x, 0.800 ± 0.010 (+0.100, p < 0.001 after Holm: a difference)." in markdown
    assert "| 5 | plain | 0.700 ± 0.010 |" in markdown
    assert "as it is" in markdown
    assert "| plain | 70.5 | 3.0 | 0.0 | 0.0 | 0.0 | 0.0 | 0.123 |" in markdown
    assert "comes to harm" not in markdown


def test_robustness_has_a_table_and_a_chart_a_kind(tmp_path):
    curves = {"typos": [(0.0, 0.7), (0.4, 0.5)], "casing": [(0.0, 0.7), (0.4, 0.61)]}
    comparison = Comparison("as", "test", "a", [system("a", 0.7, p=None, robustness=curves), system("b", 0.7)], "m")
    write_report(comparison, tmp_path, title="t")
    markdown = (tmp_path / "report.md").read_text()
    assert "## Strict F1 when text comes to harm, 40% of words touched" in markdown
    assert "| system | none | typos | casing |" in markdown
    assert "| a | 0.700 | 0.500 | 0.610 |" in markdown
    assert (tmp_path / "report.html").read_text().count("<svg") == 5


@pytest.mark.parametrize("p", [0.3])
def test_chance_is_called_chance(tmp_path, p):
    write_report(
        Comparison("as", "test", "a", [system("a", 0.7, p=None, sd=None), system("b", 0.71, p=p, curve=())], "m"),
        tmp_path,
        title="t",
    )
    assert "p 0.300 after Holm: which may be chance" in (tmp_path / "report.md").read_text()
    assert "| a | 2 | 0.700 |" in (tmp_path / "report.md").read_text()


def test_the_same_comparison_gives_the_same_bytes(tmp_path):
    for name in "ab":
        write_report(COMPARISON, tmp_path / name, title="t")
    assert (tmp_path / "a" / "report.html").read_bytes() == (tmp_path / "b" / "report.html").read_bytes()
