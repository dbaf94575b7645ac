import onoma
from onoma.integrations.datasets import map_entities


def test_a_column_of_entities(tmp_path):
    from datasets import Dataset

    rules = tmp_path / "rules.yaml"
    rules.write_text("gazetteers: {LOC: [Rome]}\n")
    rows = Dataset.from_dict({"text": ["Rome", "none", "in Rome, Rome"], "n": [1, 2, 3]})
    found = rows.map(map_entities(onoma.load(rules), into="names"), batched=True, batch_size=2)
    assert [len(names) for names in found["names"]] == [1, 0, 2]
    assert found[0]["names"][0] == {"start": 0, "end": 4, "label": "LOC", "score": 1.0}
    assert found["n"][:] == [1, 2, 3]
