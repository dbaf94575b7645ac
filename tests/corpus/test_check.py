import pytest
from conftest import SHARED, needs_shared

from onoma.corpus import Corpus, ReadLog, load_corpus
from onoma.corpus.check import Tokenization, check
from onoma.document import Document, Span


def doc(text, *spans, **fields):
    return Document(text, tuple(Span(*span) for span in spans), **fields)


@pytest.fixture(scope="module")
def report():
    corpus = Corpus.from_documents(
        {
            "train": [
                doc("Rome is old .", (0, 4, "LOC")),
                doc("Rome is old .", (0, 4, "LOC")),
                doc("Rome won the cup yesterday evening again", (0, 4, "ORG")),
                doc("অসমৰ মানুহ", (0, 3, "LOC"), language="as"),
                doc("New York City", (0, 8, "LOC"), (4, 13, "ORG")),
                doc("   "),
            ],
            "test": [
                doc("Rome is old .", (0, 4, "LOC")),
                doc("rome won the cup yesterday evening again", (0, 4, "ORG")),
                doc("Ann", (0, 3, "PER")),
            ],
        },
        ReadLog(skipped=2, messages=["x"]),
    )
    corpus.log.mended["tags that break IOB2"] = 3

    def encode(words):
        return [() if word == "।" else tuple(range(10, 10 + 4 * len(word))) for word in words]

    return check(corpus, Tokenization("toy", encode, 3, window=30))


def test_splits_are_described(report):
    train = report.splits["train"]
    assert (train.documents, train.words, train.spans, train.repeats, train.empty) == (6, 20, 6, 1, 1)
    assert train.labels == {"LOC": 4, "ORG": 2}
    assert (train.without_spans, train.uncarried, train.inside_words) == (1, 1, 1)


def test_leaks_are_exact_and_near(report):
    (leak,) = report.leaks
    assert (leak.split, leak.source, leak.exact, leak.near) == ("test", "train", 1, 1)
    assert leak.examples[0] == "Rome is old ."


def test_inconsistent_surfaces_scripts_and_fragments(report):
    assert report.inconsistent == {"Rome": {"LOC": 3, "ORG": 1}}
    assert report.scripts["Latin"] > report.scripts["Bengali"] > 0
    assert report.fragmentation["as"].pieces_per_word == 18.0
    assert report.fragmentation["unknown"].long_entities == 1


def test_advice_speaks_of_each_finding(report):
    advice = " ".join(report.advice)
    for words in (
        "1 stand word for word in 'train' and 1 nearly so",
        "repeats",
        "overlap others",
        "inside a word",
        "Fewer than 20 training entities of: LOC (4), ORG (2)",
        "'test' has labels that 'train' lacks: PER",
        "no validation split",
        "2 rows could not be read",
        "3 × tags that break IOB2",
        "another label",
        "cuts as words into 18.0 pieces",
        "longer than the base's window",
    ):
        assert words in advice, words


def test_more_advice():
    corpus = Corpus.from_documents(
        {
            "train": [doc("a b")],
            "validation": [doc("c ।", (0, 1, "X")), *(doc(f"d{number}") for number in range(20))],
            "test": [doc("c ।", (0, 1, "X"))],
        }
    )
    advice = " ".join(check(corpus, Tokenization("toy", lambda words: [() for _ in words], 3, 30)).advice)
    assert "'train' has no entity at all" in advice
    assert "20 of 21 sentences in 'validation' have no entity" in advice
    assert "1 of 1 sentences of 'test' stand in 'validation' too" in advice
    assert "characters that the base does not know" in advice


def test_clean_corpus_gets_no_advice():
    train = [doc(f"{name} Rome {name}", (len(name) + 1, len(name) + 5, "LOC")) for name in map(str, range(100, 130))]
    report = check(Corpus.from_documents({"train": train, "validation": [doc("old Bonn", (4, 8, "LOC"))]}))
    assert report.advice == []


@needs_shared
@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "leaks", "repeats"),
    [
        (
            "wikiann_as",
            {("test", "train"): 31, ("validation", "train"): 28},
            {"train": 16, "validation": 21, "test": 24},
        ),
        ("wikiann_bn", {("test", "train"): 718, ("validation", "train"): 736}, {"train": 5997}),
        ("wikiann_hi", {("test", "train"): 320, ("validation", "train"): 320}, {"train": 1050}),
        ("asner", {("test", "train"): 0, ("validation", "train"): 0}, {"train": 724, "train_gazetteer": 299}),
    ],
)
def test_known_leaks_of_the_shared_corpora(name, leaks, repeats):
    report = check(load_corpus(SHARED / name))
    found = {(leak.split, leak.source): leak.exact for leak in report.leaks}
    assert {pair: found.get(pair, 0) for pair in leaks} == leaks
    assert {split: report.splits[split].repeats for split in repeats} == repeats
