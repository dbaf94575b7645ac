import pytest

from onoma.annotation.harvest.languages import identify, script_share


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("গুৱাহাটী অসমৰ আটাইতকৈ ডাঙৰ চহৰ।", "as"),
        ("ঢাকা বাংলাদেশের রাজধানী এবং সবচেয়ে বড় শহর।", "bn"),
        ("दिल्ली भारत की राजधानी है।", "hi"),
        ("Die Stadt liegt\nan der Donau.", "de"),
    ],
)
def test_languages_are_told_apart(text, language):
    found, probability = identify(text)
    assert found == language
    assert 0.5 < probability <= 1.001


@pytest.mark.parametrize(
    ("text", "language", "share"),
    [
        ("অসম is অসম", "as", 0.75),
        ("অসম is অসম", "en", 0.25),
        ("日本語のテスト", "ja", 1.0),
        ("Москва", "en", 0.0),
        ("Москва", "ru-RU", 1.0),
        ("whatever", "kl", 1.0),
        ("12 + 3", "hi", 1.0),
    ],
)
def test_share_of_letters_in_the_languages_script(text, language, share):
    assert script_share(text, language) == share
