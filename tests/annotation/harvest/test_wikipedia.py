import bz2
from collections import deque
from itertools import islice

import pytest
from loopback import serve_app
from mediawiki_server import MediaWiki

from onoma.annotation.harvest.sources import Dump, Wikipedia
from onoma.annotation.harvest.wikipedia import read_dump, read_wikipedia
from onoma.corpus.reading import ReadLog
from onoma.errors import DataError

DUMP = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="as">
  <siteinfo><sitename>W</sitename><dbname>aswiki</dbname><namespaces>
    <namespace key="0" case="first-letter" /><namespace key="10" case="first-letter">সাঁচ</namespace>
  </namespaces></siteinfo>
  <page><title>গুৱাহাটী</title><ns>0</ns><id>7</id><revision><id>1</id><timestamp>2026-01-01T00:00:00Z</timestamp>
    <text xml:space="preserve">'''গুৱাহাটী''' অসমৰ [[চহৰ]]।</text></revision></page>
  <page><title>আন</title><ns>0</ns><id>8</id><redirect title="গুৱাহাটী" /><revision><id>2</id>
    <timestamp>2026-01-01T00:00:00Z</timestamp><text>#REDIRECT [[গুৱাহাটী]]</text></revision></page>
  <page><title>সাঁচ:ক</title><ns>10</ns><id>9</id><revision><id>3</id><timestamp>2026-01-01T00:00:00Z</timestamp>
    <text>x</text></revision></page>
  <page><title>যোৰহাট</title><ns>0</ns><id>11</id><revision><id>4</id><timestamp>2026-01-01T00:00:00Z</timestamp>
    <text>যোৰহাট এখন চহৰ।</text></revision></page>
</mediawiki>
"""
PAGES = {number: f"Text {number}.\n\nMore {number}." for number in range(1, 300, 3)} | {2: None, 302: None}


def source(url, **fields):
    given = {"wikipedia": ["as"], "pages": 12, "contact": "tests@example.org", "rate": 1000.0} | fields
    return Wikipedia(url=url + "/{language}/w/api.php", **given)


def texts(raws):
    return [(raw.document.id, raw.document.text) for raw in raws]


def test_pages_are_drawn_by_the_seed_and_nothing_is_asked_twice(tmp_path):
    wiki = MediaWiki(PAGES)
    with serve_app(wiki.app()) as url:
        first = texts(read_wikipedia(source(url), 1, tmp_path / "a"))
        assert len(first) == 12 == len(set(first))
        assert all(text == f"Text {number}." for number, text in first)
        other = texts(read_wikipedia(source(url), 2, tmp_path / "b"))
        assert first != other
        asked = len(wiki.queries)
        assert texts(read_wikipedia(source(url), 1, tmp_path / "a")) == first
        assert len(wiki.queries) == asked, "every reply was kept"
    assert wiki.agents == {next(iter(wiki.agents))}
    assert "tests@example.org" in next(iter(wiki.agents))


def test_an_interrupted_harvest_goes_on(tmp_path):
    wiki = MediaWiki(PAGES)
    with serve_app(wiki.app()) as url:
        whole = texts(read_wikipedia(source(url, extract="full", pages=30), 1, tmp_path / "a"))
        assert whole[0][1].endswith(f"More {whole[0][0]}.")
        wiki.queries.clear()
        list(islice(read_wikipedia(source(url, extract="full", pages=30), 1, tmp_path / "b"), 10))
        before = len(wiki.queries)
        with (tmp_path / "b" / "as.jsonl").open("a") as handle:
            handle.write('["broken')
        assert texts(read_wikipedia(source(url, extract="full", pages=30), 1, tmp_path / "b")) == whole
        keys = [tuple(sorted(query.items())) for query in wiki.queries]
        assert len(set(keys)) == len(keys) > before


def test_faults_are_waited_out(tmp_path):
    wiki = MediaWiki(PAGES, deque([429, "maxlag", 503]))
    with serve_app(wiki.app()) as url:
        assert len(list(read_wikipedia(source(url), 1, tmp_path))) == 12
    assert not wiki.faults


@pytest.mark.parametrize(("fault", "message"), [("badvalue", "badvalue: said the server"), (403, "status 403")])
def test_what_will_not_change_is_said_at_once(tmp_path, fault, message):
    wiki = MediaWiki(PAGES, deque([fault]))
    with serve_app(wiki.app()) as url, pytest.raises(DataError, match=message):
        list(read_wikipedia(source(url), 1, tmp_path))
    assert len(wiki.queries) == 1


def test_a_small_wiki_gives_what_it_has(tmp_path):
    wiki = MediaWiki({1: "One.", 3: "Three.", 4: None})
    with serve_app(wiki.app()) as url:
        assert sorted(texts(read_wikipedia(source(url), 1, tmp_path))) == [("1", "One."), ("3", "Three.")]
        wiki.pages.clear()
        with pytest.raises(DataError, match="does not say how many pages"):
            list(read_wikipedia(source(url, wikipedia=["bn"]), 1, tmp_path))


@pytest.mark.parametrize("packed", [False, True])
def test_dumps_give_articles(tmp_path, packed):
    path = tmp_path / ("dump.xml.bz2" if packed else "dump.xml")
    path.write_bytes(bz2.compress(DUMP.encode()) if packed else DUMP.encode())
    found = list(read_dump(Dump(dump=str(path), language="as"), ReadLog()))
    assert [(raw.document.id, raw.document.meta["title"], raw.markup) for raw in found] == [
        ("7", "গুৱাহাটী", "wikitext"),
        ("11", "যোৰহাট", "wikitext"),
    ]
    assert len(list(read_dump(Dump(dump=str(path), limit=1), ReadLog()))) == 1


def test_broken_dumps(tmp_path):
    path = tmp_path / "dump.xml"
    path.write_text(DUMP[:900])
    log = ReadLog(on_error="skip")
    assert len(list(read_dump(Dump(dump=str(path)), log))) <= 1
    assert "breaks off" in log.messages[0]
    path.write_text("no dump")
    with pytest.raises(DataError, match="breaks off"):
        list(read_dump(Dump(dump=str(path)), ReadLog()))
    with pytest.raises(DataError, match="no such dump"):
        list(read_dump(Dump(dump=str(tmp_path / "none.xml")), ReadLog()))
