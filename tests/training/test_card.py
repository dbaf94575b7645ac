import json

import yaml

from onoma.models.bases import resolve_base
from onoma.training.card import model_card
from onoma.training.recipe import load_recipe


def test_the_card_has_what_the_hub_reads_and_what_people_ask(tiny_run, tiny_base):
    text = (tiny_run / "README.md").read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert front["library_name"] == "peft"
    assert front["pipeline_tag"] == "token-classification"
    assert front["language"] == ["as", "bn", "hi"]
    assert "base_model" not in front, "a local folder means nothing on the hub"
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    assert f"{metrics['stages'][1]['test']['as']['all']['micro']['f1']:.3f}" in text
    assert "| target | as | 40 |" in text
    recipe = load_recipe(tiny_run / "recipe.yaml", ["base=owner/encoder", "adapter.method=full"])
    hub = yaml.safe_load(model_card(recipe, resolve_base(str(tiny_base)), metrics).split("---")[1])
    assert hub["base_model"] == "owner/encoder"
    assert hub["library_name"] == "transformers"
