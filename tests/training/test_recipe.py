from pathlib import Path

import pytest
import yaml

from onoma.errors import RecipeError
from onoma.training.recipe import load_recipe, parse_recipe

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
SMALL = {
    "name": "small",
    "base": "xlm-roberta-base",
    "data": {
        "source": "examples:{corpus}",
        "corpora": {"hi": {}, "tech": {"source": "data/tech.conll", "language": "en"}},
    },
    "stages": [{"name": "one", "train": ["hi"]}, {"name": "two", "train": "tech", "start": "one"}],
}


def small(**changes):
    return SMALL | changes


def test_defaults_and_short_forms():
    recipe = parse_recipe(SMALL)
    assert [mix.corpus for mix in recipe.stages[1].train] == ["tech"]
    assert recipe.data.address("hi") == "examples:hi"
    assert recipe.data.address("tech") == "data/tech.conll"
    assert recipe.data.language("hi") == "hi"
    assert recipe.data.language("tech") == "en"
    assert parse_recipe(small(adapter={"targets": "query"})).adapter.targets == ("query",)
    named = parse_recipe(
        small(
            data={"corpora": {"it-domain": {"source": "x"}}}, stages=[{"name": "a", "train": [{"corpus": "it-domain"}]}]
        )
    )
    assert named.data.language("it-domain") == ""


def test_a_stage_changes_the_training_settings():
    stages = [{"name": "one", "train": ["hi"], "training": {"epochs": 7}}]
    recipe = parse_recipe(small(training={"learning_rate": 0.01}, stages=stages))
    training = recipe.training_of(recipe.stages[0])
    assert (training.epochs, training.learning_rate) == (7, 0.01)


def test_full_text_makes_the_same_recipe():
    recipe = parse_recipe(SMALL)
    assert parse_recipe(yaml.safe_load(recipe.to_yaml())) == recipe


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_shipped_recipes_are_valid(path):
    assert load_recipe(path).name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stagse": []}, "unknown key 'stagse'. Did you mean 'stages'"),
        ({"adapter": {"rnak": 3}}, "unknown key 'adapter.rnak'. Did you mean 'rank'"),
        ({"data": {"corpora": {"hi": {"sauce": "x"}}}}, "unknown key 'data.corpora.hi.sauce'. Did you mean 'source'"),
        ({"stages": [{"name": "a", "train": [{"corpus": "hi", "wieght": 2}]}]}, "wieght'. Did you mean 'weight'"),
        (
            {"stages": [{"name": "a", "train": ["hi"], "training": {"epoch": 1}}]},
            "unknown key 'epoch'. Did you mean 'epochs'",
        ),
        ({"stages": [{"name": "a", "train": ["hi"], "training": {"epochs": 0}}]}, "greater than 0"),
        ({"stages": [{"name": "a", "train": ["ih"]}]}, "stage 'a' names the corpus 'ih'. Known: hi, tech"),
        ({"stages": [{"name": "a", "train": ["hi"], "validation": ["xx"]}]}, "names the corpus 'xx'"),
        ({"stages": [{"name": "a", "train": ["hi"], "start": "b"}]}, "starts from 'b', which is no earlier stage"),
        (
            {"stages": [{"name": "a", "train": [{"corpus": "hi", "labels_from": "b"}]}]},
            "takes labels from 'b', which is no earlier stage, path of an extractor or names:CORPUS",
        ),
        (
            {"stages": [{"name": "a", "train": ["hi"], "distill": {"teachers": "b"}}]},
            "has the teacher 'b', which is no earlier stage and no run folder",
        ),
        ({"evaluate": ["hi"], "robustness": {"kinds": ["typo"]}}, "no perturbation 'typo'. Did you mean 'typos'"),
        ({"evaluate": [], "robustness": {}}, "robustness is measured on a corpus that evaluate names"),
        ({"evaluate": ["hi"], "robustness": {"corpus": "tech"}}, "that evaluate names, and this one is not"),
        ({"stages": [{"name": "a", "train": ["hi"], "blend": 0.5}]}, "of a start that it does not have"),
        (
            {"stages": [{"name": "a", "train": [{"corpus": "hi", "unlabelled": True}]}]},
            "has unlabelled text, but no teacher",
        ),
        ({"stages": [{"name": "a", "train": ["hi"]}, {"name": "a", "train": ["hi"]}]}, "two stages are named 'a'"),
        ({"stages": []}, "stages: Tuple should have at least 1 item"),
        ({"stages": [{"name": "a", "train": 3}]}, "stages.0.train"),
        ({"evaluate": ["tehc"]}, "evaluate names the corpus 'tehc'. Did you mean 'tech'"),
        ({"data": {"corpora": {"hi": {}}}}, "the corpus 'hi' has no source"),
        ({"training": {"patience": 2, "select": "last"}}, "training: patience .* needs select: best"),
        ({"rewrite": ["hindi"]}, "rewrite: no rewriting 'hindi'. Known: assamese-as-bengali, devanagari-as-bengali"),
        ({"name": "../up"}, "name: String should match pattern"),
        ({"adapter": {"method": "loar"}}, "adapter.method: Input should be 'lora'"),
    ],
)
def test_what_is_wrong_is_said(changes, message):
    with pytest.raises(RecipeError, match=message):
        parse_recipe(small(**changes))


def test_overrides(write):
    path = write("r.yaml", yaml.safe_dump(SMALL))
    recipe = load_recipe(
        path,
        [
            "base=bundled:minilm-l6",
            "stages.two.training.epochs=2.5",
            "stages.0.train=[tech]",
            "adapter.rank=4",
            "data.corpora.hi.format=conll",
        ],
    )
    assert recipe.base == "bundled:minilm-l6"
    assert recipe.stages[1].training == {"epochs": 2.5}
    assert recipe.stages[0].train[0].corpus == "tech"
    assert recipe.adapter.rank == 4
    assert recipe.data.corpora["hi"].format == "conll"
    assert load_recipe(path, ["stages.two={name: three, train: hi}"]).stages[1].name == "three"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("base", "not an override: 'base'. Write --set"),
        ("=3", "not an override"),
        ("stages.tow.start=x", "no item 'tow'. Did you mean 'two'"),
        ("base.x.y=1", "'base' has no keys below it"),
        ("base=[", "the value of --set base is not YAML"),
        ("adapter.rnak=4", "unknown key 'adapter.rnak'"),
    ],
)
def test_wrong_overrides(write, override, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(write("r.yaml", yaml.safe_dump(SMALL)), [override])


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [", "not YAML"), ("- a", "a recipe is a table of keys"), ("", "a recipe is a table of keys")],
)
def test_files_that_are_no_recipes(write, text, message):
    with pytest.raises(RecipeError, match=message) as error:
        load_recipe(write("r.yaml", text))
    assert "r.yaml" in str(error.value)


def test_a_missing_recipe(tmp_path):
    with pytest.raises(RecipeError, match="no such recipe"):
        load_recipe(tmp_path / "r.yaml")
