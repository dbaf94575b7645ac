import pytest

presidio = pytest.importorskip("presidio_analyzer")


@pytest.fixture
def recognizer(tmp_path):
    from onoma.integrations.presidio import OnomaRecognizer

    path = tmp_path / "rules.yaml"
    path.write_text("gazetteers: {PER: [Ada Lovelace], LOC: [London], OS: [Ubuntu]}\n")
    return OnomaRecognizer(path)


def test_an_analyzer_asks_it(recognizer):
    import spacy
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class Blank(SpacyNlpEngine):
        """An engine without a model to download."""

        def __init__(self):
            super().__init__()
            self.nlp = {"en": spacy.blank("en")}

    registry = presidio.RecognizerRegistry(supported_languages=["en"])
    registry.add_recognizer(recognizer)
    analyzer = presidio.AnalyzerEngine(registry=registry, nlp_engine=Blank(), supported_languages=["en"])
    text = "Ada Lovelace lived in London with Ubuntu."
    found = analyzer.analyze(text, language="en")
    assert sorted((text[one.start : one.end], one.entity_type) for one in found) == [
        ("Ada Lovelace", "PERSON"),
        ("London", "LOCATION"),
        ("Ubuntu", "OS"),
    ]
    only = analyzer.analyze(text, language="en", entities=["PERSON"])
    assert [one.entity_type for one in only] == ["PERSON"]
