import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onoma.annotation.canonical import fold_name, propose, write_inventory
from onoma.corpus.relabel import read_label_map


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Programming languages", "PROGRAMMING_LANGUAGE"),
        ("ProgrammingLanguage", "PROGRAMMING_LANGUAGE"),
        ("programming-language", "PROGRAMMING_LANGUAGE"),
        ("Cities", "CITY"),
        ("boxes", "BOX"),
        ("classes", "CLASS"),
        ("BUS", "BUS"),
        ("address", "ADDRESS"),
        ("OS", "OS"),
        ("शहर", "शहर"),
        ("...", "..."),
    ],
)
def test_forms_of_a_name(name, folded):
    assert fold_name(name) == folded


def test_synonyms_join_and_rare_types_go():
    counts = {"Person": 3, "PERSONS": 1, "per": 2, "company": 5, "ORG": 4, "Weapon": 1}
    found = propose(counts, least=2)
    assert found.groups == {"ORGANIZATION": ["company", "ORG"], "PERSON": ["Person", "per", "PERSONS"]}
    assert found.after() == {"ORGANIZATION": 9, "PERSON": 6}
    assert found.dropped == ["Weapon"]


def test_names_of_like_meaning_join_the_most_frequent():
    meanings = {"gun": (1.0, 0.0), "weapon": (0.99, 0.14), "city": (0.0, 1.0), "rifle": (0.98, 0.2)}

    def embed(texts):
        return np.array([meanings[text.removeprefix("query: ")] for text in texts], dtype=np.float32)

    found = propose({"gun": 2, "weapon": 9, "city": 4, "rifle": 1}, embed=embed, likeness=0.95)
    assert found.groups == {"WEAPON": ["weapon", "gun", "rifle"], "CITY": ["city"]}


@given(st.dictionaries(st.text(min_size=1, max_size=8).filter(str.strip), st.integers(1, 9), min_size=1))
def test_an_inventory_is_a_label_map_of_all_names(tmp_path_factory, counts):
    counts = {name.encode("utf-8", "ignore").decode() or "x": count for name, count in counts.items()}
    path = tmp_path_factory.mktemp("map") / "labels.yaml"
    write_inventory(propose(counts, least=3), path)
    found = read_label_map(path)
    assert {*found.target, *found.dropped} == set(counts)
