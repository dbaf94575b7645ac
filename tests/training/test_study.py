import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from onoma.errors import DataError, ModelError, OnomaError, RecipeError
from onoma.files import locked
from onoma.training.study import load_study, run_study

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
VARIANTS = {
    "two-stage": {"about": "source, then target"},
    "zero-shot": {"set": {"stages": [{"name": "source", "train": ["hi", "bn"], "validation": ["as"]}]}},
    "full": {"set": {"adapter.method": "full", "stages.source.train": ["hi"]}, "seeds": [1]},
    "few": {"set": {"stages.target.train": [{"corpus": "as", "limit": 10}]}},
}


@pytest.fixture
def study_file(tiny_recipe, write):
    def make(**changes):
        write("recipe.yaml", yaml.safe_dump(tiny_recipe()))
        content = {
            "name": "tiny-study",
            "recipe": "recipe.yaml",
            "seeds": [1, 2],
            "variants": VARIANTS,
            "curves": {"Target sentences": {10: "few", 30: "two-stage"}},
        }
        return write("study.yaml", yaml.safe_dump(content | changes, sort_keys=False))

    return make


def quiet():
    return Console(record=True, width=200, file=open(os.devnull, "w"))  # noqa: PTH123


def test_a_study_of_another_pair_of_languages_is_one_file(study_file, tmp_path):
    console = quiet()
    found = run_study(load_study(study_file(), runs=tmp_path / "runs"), console=console)
    told = console.export_text()
    # Two seeds of the source stage serve three variants; the full variant trains its own.
    assert told.count("trained before") == 4
    assert re.findall(r"\d/7: (\S+)", told)[:5] == [
        "two-stage-seed1",
        "zero-shot-seed1",
        "full-seed1",
        "few-seed1",
        "two-stage-seed2",
    ]
    systems = {line.name: line for line in found.systems}
    assert systems["two-stage"].seeds == (1, 2)
    assert systems["full"].seeds == (1,)
    assert systems["two-stage"].p is None
    assert systems["few"].full.documents == 40
    folder = tmp_path / "runs" / "tiny-study"
    assert not list(folder.rglob("model.safetensors"))
    assert len(list(folder.rglob("adapter_model.safetensors"))) > 6
    comparison = json.loads((folder / "comparison.json").read_text())
    assert comparison["corpus"] == "as"
    markdown = (folder / "report.md").read_text()
    assert markdown.startswith("# tiny-study\n\ntwo-stage: ")
    assert "| two-stage | 2 |" in markdown
    assert "## F1 by target sentences" in markdown
    page = (folder / "report.html").read_text()
    assert page.count("<svg") == 3
    assert not re.search(r'(src|href)="https?:', page)

    again = quiet()
    before = (folder / "report.html").read_bytes()
    run_study(load_study(study_file(), runs=tmp_path / "runs"), console=again)
    assert "stage" not in again.export_text().replace("two-stage", "")
    assert (folder / "report.html").read_bytes() == before


def test_runs_side_by_side_give_what_runs_one_after_the_other_give(study_file, tmp_path):
    teacher = {"set": {"stages.target.distill": {"teachers": ["{run:two-stage}"]}}}
    file = study_file(seeds=[1], variants=VARIANTS | {"pupil": teacher}, curves={})
    alone = run_study(load_study(file, runs=tmp_path / "alone"), console=quiet())
    console = quiet()
    together = run_study(load_study(file, runs=tmp_path / "together"), jobs=2, console=console)
    assert [line.full for line in together.systems] == [line.full for line in alone.systems]
    told = console.export_text()
    assert "5/5 done: " in told
    assert told.index("done: two-stage-seed1") < told.index("done: pupil-seed1")
    folder = tmp_path / "together" / "tiny-study"
    logs = [log.read_text() for log in sorted((folder / "logs").iterdir())]
    # Four runs begin with the same stage: whoever comes second waits for it.
    assert sum("stage source: trained before" in log for log in logs) == 3
    assert sum("test as: strict F1" in log for log in logs) == 5
    assert not list(folder.rglob("model.safetensors"))


@pytest.mark.integration
def test_a_killed_study_takes_its_trainings_along(study_file, tmp_path):
    file = study_file(seeds=[1], variants={"long": {"set": {"training.epochs": 5000}}}, curves={})
    runs = tmp_path / "runs" / "tiny-study"
    command = [sys.executable, "-m", "onoma", "study", str(file), "--jobs", "2", "--runs", str(runs.parent)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    log = runs / "logs" / "long-seed1.log"
    deadline = time.monotonic() + 90
    while not (log.exists() and "step" in log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    with pytest.raises(OnomaError, match="another process is at work"), locked(runs / "long-seed1"):
        pass
    process.kill()
    process.wait(timeout=60)
    with locked(runs / "long-seed1", wait=True):
        assert (runs / "long-seed1.partial").exists()


def test_a_run_that_fails_beside_others_says_why(study_file, tmp_path):
    variants = VARIANTS | {"odd": {"set": {"adapter.targets": ["gate_proj"]}}}
    study = load_study(study_file(seeds=[1], variants=variants, curves={}), runs=tmp_path)
    with pytest.raises(ModelError, match="no linear layer of this base is named 'gate_proj'"):
        run_study(study, only=["odd", "full"], jobs=2, console=quiet())


def test_profiles_overrides_and_variants_win_in_this_order(study_file, write):
    profile = write(
        "profile.yaml", yaml.safe_dump({"training": {"epochs": 7, "batch_pieces": 99}, "adapter": {"method": "dora"}})
    )
    study = load_study(study_file(), profile=profile, overrides=["training.epochs=8"])
    first = study.recipes["two-stage"][0]
    assert (first.training.epochs, first.training.batch_pieces, first.adapter.method) == (8, 99, "dora")
    assert study.recipes["full"][0].adapter.method == "full"
    assert [recipe.name for recipe in study.recipes["few"]] == ["few-seed1", "few-seed2"]
    assert [recipe.seed for recipe in study.recipes["few"]] == [1, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variantss": {}}, "unknown key 'variantss'. Did you mean 'variants'"),
        ({"variants": {"a": {"sett": {}}}}, "unknown key 'variants.a.sett'. Did you mean 'set'"),
        ({"variants": {"a": {"set": {"adapter.rnak": 3}}}, "curves": {}}, "variants.a: unknown key 'adapter.rnak'"),
        ({"reference": "two-stag"}, "no variant 'two-stag'. Did you mean 'two-stage'"),
        ({"curves": {"x": {1: "fwe"}}}, "no variant 'fwe'. Did you mean 'few'"),
        ({"name": "a/b"}, "name: String should match pattern"),
        ({"recipe": "gone.yaml"}, "gone.yaml: no such recipe"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_trained(study_file, changes, message):
    with pytest.raises(RecipeError, match=message):
        load_study(study_file(**changes))


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ({"source": "gone"}, "far-seed1: corpus bn: gone: no such file or folder"),
        ({"labels": "gone.yaml"}, "far-seed1: corpus bn: .*gone.yaml: no such"),
    ],
)
def test_a_corpus_that_is_not_there_stops_a_study_before_it_trains(study_file, tmp_path, corpus, message):
    variants = VARIANTS | {"far": {"set": {"data.corpora.bn": corpus}}}
    study = load_study(study_file(variants=variants), runs=tmp_path / "runs")
    with pytest.raises(DataError, match=message):
        run_study(study, console=quiet())
    assert not list((tmp_path / "runs").rglob("metrics.json"))


def test_chosen_variants(study_file, tmp_path):
    study = load_study(study_file(), runs=tmp_path)
    with pytest.raises(RecipeError, match="no variant 'zero'. Did you mean 'zero-shot'"):
        run_study(study, only=["zero"], console=quiet())
    with pytest.raises(DataError, match="no system 'two-stage' to compare with. Known: zero-shot"):
        run_study(study, only=["zero-shot"], console=quiet())


def test_values_stand_for_what_differs_from_place_to_place(study_file, write, tiny_base):
    changes = {
        "values": {"small": "distilbert-base-cased", "rates": {"epochs": 2}},
        "variants": {"a": {"set": {"base": "{value:small}", "stages.source.training": "{value:rates}"}}},
        "curves": {},
    }
    (recipe, _) = load_study(study_file(**changes)).recipes["a"]
    assert recipe.base == "distilbert-base-cased"
    assert recipe.stages[0].training == {"epochs": 2}
    profile = write("profile.yaml", "values: {small: bundled:minilm-l6}\nseed: 3")
    (recipe, _) = load_study(study_file(**changes), profile=profile).recipes["a"]
    assert recipe.base == "bundled:minilm-l6"
    profile = write("profile.yaml", "values: {smal: x}")
    with pytest.raises(RecipeError, match="profile.yaml: the study has no value 'smal'. Did you mean 'small'"):
        load_study(study_file(**changes), profile=profile)
    with pytest.raises(RecipeError, match="profile.yaml: values is a table"):
        load_study(study_file(**changes), profile=write("profile.yaml", "values: 3"))
    changes["variants"]["a"]["set"]["base"] = "{value:large}"
    with pytest.raises(RecipeError, match=r"variants.a: no value 'large'. Known: rates, small"):
        load_study(study_file(**changes))


def test_students_learn_from_the_runs_of_other_variants(study_file, tmp_path):
    def student(**distill):
        return {"set": {"layers": 1, "stages.source.distill": distill | {"weight": 0.9}}}

    variants = {
        "teacher": {"set": {"adapter.method": "full"}},
        "student": student(teachers="{run:teacher}"),
        "of-all": {**student(teachers=["{runs:teacher}"]), "seeds": [2]},
    }
    study = load_study(study_file(variants=variants, curves={}), runs=tmp_path)
    folder = tmp_path / "tiny-study"
    assert study.recipes["student"][1].stages[0].distill.teachers == (str(folder / "teacher-seed2"),)
    (all_of_them,) = study.recipes["of-all"]
    assert all_of_them.stages[0].distill.teachers == tuple(str(folder / f"teacher-seed{seed}") for seed in (1, 2))
    console = quiet()
    found = run_study(study, console=console)
    told = re.findall(r"\d/5: (\S+)", console.export_text())
    assert told == ["teacher-seed1", "student-seed1", "teacher-seed2", "of-all-seed2", "student-seed2"]
    assert not list(folder.rglob("model.safetensors"))
    trained = {line.name: line.trainable for line in found.systems}
    assert trained["student"] < trained["teacher"]
    faulty = variants | {"early": student(teachers="{run:late}"), "late": {}}
    with pytest.raises(
        RecipeError, match=r"variants.early: no earlier variant 'late'. Known: of-all, student, teacher"
    ):
        load_study(study_file(variants=faulty, curves={}))


@pytest.mark.parametrize("path", sorted(RECIPES.rglob("study*.yaml")), ids=lambda path: path.name)
def test_the_shipped_studies_are_valid(path):
    study = load_study(path, profile=path.with_name("bundled.yaml"))
    assert all(recipe.base.startswith("bundled:") for recipes in study.recipes.values() for recipe in recipes)
