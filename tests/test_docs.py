"""What the documentation shows is what the code takes."""

import ast
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml
from conftest import PAGES, code_blocks, shell_lines

from onoma.annotation.assemble import load_assembly
from onoma.annotation.harvest.harvest import load_harvest
from onoma.cli.main import app
from onoma.extractors.endpoint_file import read_endpoint_file
from onoma.extractors.rules import RulesExtractor
from onoma.training.recipe import load_recipe, parse_recipe
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


def _commands(path):
    for line in shell_lines(path):
        words = shlex.split(line.partition("|")[2] if line.startswith("cat ") else line, comments=True)
        if words[:1] == ["onoma"]:
            yield words[1:]


COMMANDS = [(path.name, command) for path in PAGES for command in _commands(path)]


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page}: {command[0]}" for page, command in COMMANDS])
def test_every_command_that_is_shown_is_one(page, command):
    """Names, options and types of values are checked; nothing is carried out."""
    found = typer.main.get_command(app).commands[command[0]]
    with found.make_context(command[0], list(command[1:])) as context:
        assert context.command is found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_python_that_is_shown_compiles_and_finds_its_names(path):
    for block in code_blocks(path, "python"):
        tree = ast.parse(block)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("onoma"):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_recipe_that_is_shown_is_one(path):
    for block in code_blocks(path, "yaml"):
        content = yaml.safe_load(block)
        if isinstance(content, dict) and {"stages", "data"} <= set(content):
            parse_recipe(content)


def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    keys = (tmp_path / "site" / "reference" / "recipe" / "index.html").read_text(encoding="utf-8")
    assert "batch_pieces" in keys
    assert not (tmp_path / "site" / "hooks.py").exists()
    assert "https://fonts" not in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted((ROOT / "recipes" / "accelerate").glob("*.yaml")), ids=lambda path: path.stem)
def test_files_for_several_gpus_are_what_accelerate_reads(path):
    from accelerate.commands.config.config_args import load_config_from_file

    assert load_config_from_file(str(path)).num_processes == 2
