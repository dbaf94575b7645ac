"""What the documentation shows is what the code takes."""

import re
from pathlib import Path

import pytest
import yaml

from onoma.annotation.assemble import load_assembly
from onoma.annotation.harvest.harvest import load_harvest
from onoma.extractors.endpoint_file import read_endpoint_file
from onoma.extractors.rules import RulesExtractor
from onoma.training.recipe import load_recipe
from onoma.training.study import load_study

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("number", "load"), [(0, load_harvest), (1, read_endpoint_file), (2, load_assembly)])
def test_files_of_the_data_engine(tmp_path, number, load):
    block = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "data-engine.md").read_text(), re.DOTALL)[number]
    path = tmp_path / "file.yaml"
    path.write_text(block)
    assert set(yaml.safe_load(block)) <= load(path).model_fields_set


@pytest.mark.parametrize("name", ["sources.yaml", "assembly.yaml"])
def test_files_of_the_label_free_recipe(name):
    load = load_harvest if name == "sources.yaml" else load_assembly
    assert load(ROOT / "recipes" / "label-free" / name)
    assert read_endpoint_file(ROOT / "recipes" / "label-free" / "llm.yaml").structured


STUDIES = sorted((ROOT / "recipes").glob("*/study*.yaml"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_studies_with_and_without_a_hub(path, tmp_path):
    hub = load_study(path, runs=tmp_path)
    local = load_study(path, runs=tmp_path, profile=path.parent / "bundled.yaml")
    assert hub.recipes.keys() == local.recipes.keys()
    bases = {recipe.base for recipes in local.recipes.values() for recipe in recipes}
    assert all(base.startswith("bundled:") for base in bases)
    assert not any(recipe.base.startswith("bundled:") for recipes in hub.recipes.values() for recipe in recipes)


def test_recipes_and_rules():
    for path in [*(ROOT / "recipes").glob("*.yaml"), ROOT / "recipes" / "label-free" / "tagger.yaml"]:
        assert load_recipe(path).stages
    for path in (ROOT / "recipes").glob("*/rules.yaml"):
        assert RulesExtractor.from_file(path).extract("a NullPointerException in 2.0.1").spans
