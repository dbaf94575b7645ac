from onoma.document import Document
from onoma.extractors.examples import ExampleChooser

DOCUMENTS = [Document(text) for text in ("install Java on Linux", "eat an apple", "গুৱাহাটী মহানগৰ", "Java is slow")]


def texts(found):
    return [document.text for document in found]


def test_the_likest_stands_last():
    chooser = ExampleChooser(DOCUMENTS, 2, nearest=True)
    assert texts(chooser.choose("installing Java on Windows")) == ["Java is slow", "install Java on Linux"]
    assert texts(chooser.choose("গুৱাহাটীৰ পথ"))[-1] == "গুৱাহাটী মহানগৰ"
    assert texts(chooser.choose("zzz")) == []


def test_a_text_is_never_its_own_example():
    assert "Java is slow" not in texts(ExampleChooser(DOCUMENTS, 4, nearest=True).choose("Java is slow"))
    first = ExampleChooser(DOCUMENTS, 2, nearest=False)
    assert texts(first.choose("anything")) == ["install Java on Linux", "eat an apple"]
    assert texts(first.choose("eat an apple")) == ["install Java on Linux", "গুৱাহাটী মহানগৰ"]
