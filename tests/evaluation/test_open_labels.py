import json

import numpy as np
import pytest

from onoma.corpus.relabel import LabelMap
from onoma.document import Document, Span
from onoma.evaluation.open_labels import likeness_of, recall_by_language, rename, soft_f1

TEXT = "Ann of Rome"
ANN, ROME = (0, 3), (7, 11)


def labelled(*spans, language=""):
    return Document(TEXT, [Span(*bounds, label) for bounds, label in spans], language=language)


def likeness(one, other):
    return {("city", "town"): 0.8, ("person", "town"): 0.1}.get(tuple(sorted((one, other))), float(one == other))


def test_names_of_a_map_become_one_and_others_stay():
    made = rename([labelled((ANN, "human"), (ROME, "river"))], LabelMap({"human": "PER"}, frozenset({"junk"})))
    assert [span.label for span in made[0].spans] == ["PER", "river"]
    assert rename([labelled((ANN, "junk"))], LabelMap({}, frozenset({"junk"})))[0].spans == ()


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ([(ANN, "person"), (ROME, "city")], [(ANN, "person"), (ROME, "city")], 1.0),
        ([(ANN, "person"), (ROME, "city")], [(ANN, "person"), (ROME, "town")], 0.9),
        ([(ROME, "city")], [(ROME, "town"), (ANN, "person")], 2 * 0.8 / 3),
        ([(ROME, "city")], [((6, 11), "city")], 0.0),
        ([(ROME, "city"), (ROME, "person")], [(ROME, "town"), (ROME, "city")], (1.0 + 0.1) / 2),
        ([(ROME, "city")], [], 0.0),
        ([], [], 0.0),
    ],
)
def test_spans_count_as_much_as_their_types_are_alike(gold, predicted, expected):
    assert soft_f1([labelled(*gold)], [labelled(*predicted)], likeness) == pytest.approx(expected)


def test_likeness_is_counted_from_that_of_different_gold_labels():
    vectors = {"query: city": (1, 0), "query: person": (0.6, 0.8), "query: town hall": (0.8, 0.6)}

    def embed(texts):
        return np.array([vectors[text] for text in texts], dtype=np.float32)

    like = likeness_of(["TOWN_HALL"], ["city", "person"], embed)
    assert like("city", "city") == 1.0
    assert like("city", "person") == pytest.approx(0.0, abs=1e-6)
    assert like("city", "TOWN_HALL") == pytest.approx((0.8 - 0.6) / 0.4, abs=1e-5)
    assert likeness_of(["person"], ["city"], embed)("city", "person") == pytest.approx(0.6)


def test_recall_by_language_leaves_out_documents_without_one():
    gold = [labelled((ANN, "PER"), language="en"), labelled((ROME, "LOC"), language="as"), labelled((ANN, "PER"))]
    predicted = [labelled(language="en"), labelled((ROME, "LOC"), (ANN, "PER"), language="as"), labelled()]
    assert recall_by_language(gold, predicted) == {"as": (1.0, 1), "en": (0.0, 1)}


def test_the_command_says_them(onoma_cli, write, tiny_base):
    rows = [
        {"text": "Ann is here", "language": "en", "spans": [{"start": 0, "end": 3, "label": "human"}]},
        {"text": "in Rome", "language": "de", "spans": [{"start": 3, "end": 7, "label": "city"}]},
    ]
    write("data/test.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    rules = write("rules.yaml", "gazetteers: {PER: [Ann], city: [Rome]}\n")
    names = write("names.yaml", "map: {person: [human, PER]}\n")
    data = rules.parent / "data"
    done = onoma_cli("evaluate", rules, data, "--aliases", names, "--similar", tiny_base)
    assert done.code == 0, done.err
    assert f"names of {names} taken as one: F1 1.000" in done.out
    assert "types by the likeness of their names: F1 0." in done.out
    assert "recall by language: de 1.000 of 1, en 0.000 of 1" in done.out
    told = onoma_cli("evaluate", rules, data, "--aliases", names, "--json").json
    assert told["languages"] == {"de": [1.0, 1], "en": [0.0, 1]}
    assert told["aliases"]["micro"]["f1"] == 1.0
