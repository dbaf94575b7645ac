"""What the documentation shows is what the code takes."""

import re
from pathlib import Path

import pytest
import yaml

from onoma.annotation.assemble import load_assembly
from onoma.annotation.harvest.harvest import load_harvest
from onoma.extractors.endpoint_file import read_endpoint_file

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
