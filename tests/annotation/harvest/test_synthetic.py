import pytest

from onoma.annotation.harvest.sources import Synthetic
from onoma.annotation.harvest.synthetic import _all_templates, fill, read_synthetic
from onoma.errors import DataError

KINDS = ["letter", "invoice", "ticket", "log", "leak", "prose"]


def made(seed=1, **fields):
    return [raw.document for raw in read_synthetic(Synthetic(**fields), seed)]


def test_every_template_of_every_language_fills():
    locales = {"en": "en_US", "de": "de_DE", "es": "es_ES", "hi": "hi_IN", "bn": "bn_BD"}
    assert set(_all_templates()) == set(locales)
    for language, kinds in _all_templates().items():
        for document in made(synthetic=list(kinds), locales=[locales[language]], documents=4):
            assert document.spans
            assert document.language == language
            assert "{" not in document.text.replace('{"', "")
            assert all(document.surface(span) == document.surface(span).strip() != "" for span in document.spans)


def test_the_seed_decides():
    wanted = {"synthetic": ["letter"], "documents": 3}
    assert made(**wanted) == made(**wanted)
    assert made(**wanted) != made(seed=2, **wanted)


def test_numbered_places_have_one_value():
    from faker import Faker

    faker = Faker("en_US")
    document = fill("{PER:name#1} is {PER:name#1}, not {:job}.", faker, faker)
    first, second = document.spans
    assert document.surface(first) == document.surface(second)
    assert {span.label for span in document.spans} == {"PER"}


def test_noise_keeps_spans_on_their_words():
    clean, noisy = (made(synthetic=["prose"], documents=20, noise=noise) for noise in (0, 0.5))
    assert [len(document.spans) for document in clean] == [len(document.spans) for document in noisy]
    assert sum(one.text != other.text for one, other in zip(clean, noisy, strict=True)) > 15


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"synthetic": ["leter"]}, "no template 'leter' in 'en'. Did you mean 'letter'"),
        ({"synthetic": ["log"], "locales": ["de_DE"]}, "no template 'log' in 'de'"),
        ({"synthetic": ["log"], "locales": ["fr_FR"]}, "no templates in the language of 'fr_FR'"),
        ({"synthetic": ["log"], "locales": ["en_XX"]}, "Faker knows no locale 'en_XX'"),
    ],
)
def test_unknown_names(fields, message):
    with pytest.raises(DataError, match=message):
        made(**fields)
