import pytest
from conftest import documents
from hypothesis import given

from onoma.corpus import Corpus
from onoma.corpus.relabel import LabelMap, read_label_map, relabel
from onoma.document import Document, Span
from onoma.errors import DataError

MAP = """
map:
  SOFTWARE: [Application, Library]
  OS: Operating_System
keep: [VERSION]
drop: [Value]
"""


def corpus():
    document = Document(
        "Apache Camel on Linux 5 = 1",
        (
            Span(0, 6, "Application"),
            Span(7, 12, "Library"),
            Span(16, 21, "Operating_System"),
            Span(22, 23, "VERSION"),
            Span(26, 27, "Value"),
        ),
    )
    return Corpus.from_documents({"train": [document], "test": [Document("Camel", (Span(0, 5, "Library"),))]})


def test_labels_change_and_neighbours_stay_apart(write):
    done = relabel(corpus(), read_label_map(write("labels.yaml", MAP)))
    found = [(done.corpus["train"][0].surface(span), span.label) for span in done.corpus["train"][0].spans]
    assert found == [("Apache", "SOFTWARE"), ("Camel", "SOFTWARE"), ("Linux", "OS"), ("5", "VERSION")]
    assert done.to_dict() == {
        "before": {
            "train": {"Application": 1, "Library": 1, "Operating_System": 1, "VERSION": 1, "Value": 1},
            "test": {"Library": 1},
        },
        "after": {"train": {"OS": 1, "SOFTWARE": 2, "VERSION": 1}, "test": {"SOFTWARE": 1}},
        "adjacent": {"Application Library": 1},
    }


@given(documents())
def test_spans_keep_their_place(document):
    labels = {span.label for span in document.spans}
    made = LabelMap(dict.fromkeys(labels, "X")).apply(document)
    assert [(span.start, span.end) for span in made.spans] == [(span.start, span.end) for span in document.spans]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            MAP.replace("drop: [Value]", ""),
            "the map does not say what becomes of 'Value'. Name it under map, keep or drop.",
        ),
        (MAP.replace("Application", "Aplication"), "the map names 'Aplication', which .* Did you mean 'Application'"),
        (MAP.replace("[Value]", "[Value, Library]"), "'Library' is named twice"),
        (MAP.replace("drop", "dorp"), "unknown key 'dorp'. Did you mean 'drop'"),
        ("map: [a]", "`map` is a table"),
        ("keep: {a: b}", "keep: a list of source labels is wanted"),
        ("- a", "a label map is a table of keys"),
    ],
)
def test_a_faulty_map_is_told(write, text, told):
    with pytest.raises(DataError, match=rf"labels.yaml: {told}"):
        relabel(corpus(), read_label_map(write("labels.yaml", text)))


def test_a_missing_map_is_told(tmp_path):
    with pytest.raises(DataError, match="no such label map"):
        read_label_map(tmp_path / "labels.yaml")
