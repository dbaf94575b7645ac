import pytest

import onoma

spacy = pytest.importorskip("spacy")


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text("gazetteers: {OS: [Ubuntu], SOFTWARE: [Java, Java 8]}\n")
    return path


def test_entities_with_scores(rules):
    nlp = spacy.blank("en")
    component = nlp.add_pipe("onoma", config={"model": str(rules)})
    assert component.labels == ("OS", "SOFTWARE")
    doc = nlp("Java 8 on Ubuntu,  not Debian.")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Java 8", "SOFTWARE"), ("Ubuntu", "OS")]
    group = doc.spans["onoma"]
    assert [span.text for span in group] == ["Java 8", "Ubuntu"]
    assert group.attrs["scores"].tolist() == [1.0, 1.0]


def test_streams_are_batched_and_other_entities_stay(rules):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PLACE", "pattern": "Oslo"}])
    nlp.add_pipe("onoma", config={"model": str(rules), "spans_key": "found", "set_ents": True})
    docs = list(nlp.pipe([f"Ubuntu {number} in Oslo" for number in range(300)], batch_size=64))
    assert len(docs) == 300
    assert all([ent.label_ for ent in doc.ents] == ["OS", "PLACE"] for doc in docs)
    assert "found" in docs[0].spans
    apart = spacy.blank("en")
    apart.add_pipe("onoma", config={"model": str(rules), "set_ents": False, "threshold": 1.1})
    doc = apart("Ubuntu")
    assert not doc.ents
    assert not doc.spans["onoma"]


def test_a_run_on_spacys_tokens(tiny_run):
    nlp = spacy.blank("bn")
    nlp.add_pipe("onoma", config={"model": str(tiny_run)})
    texts = ["গুৱাহাটী অসমৰ চহৰ।", "", " \n "]
    docs = list(nlp.pipe(texts))
    assert [doc.text for doc in docs] == texts
    starts = {token.idx for token in docs[0]}
    assert all(span.start_char in starts for span in docs[0].spans["onoma"])
    assert len(docs[0].spans["onoma"]) == len(docs[0].spans["onoma"].attrs["scores"])
    assert onoma.load(tiny_run).labels == nlp.get_pipe("onoma").labels
