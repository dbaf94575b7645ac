import json
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml
from conftest import make_base
from rich.console import Console

import onoma
from onoma.corpus import load_corpus
from onoma.document import Document
from onoma.errors import ModelError, RecipeError
from onoma.models.adapters import ADAPTER_WEIGHTS, read_weights
from onoma.training.recipe import parse_recipe
from onoma.training.stages import train


def run(content, runs, **options):
    console = Console(record=True, width=200, quiet=False, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    result = train(parse_recipe(content), runs=runs, console=console, **options)
    return result, console.export_text()


def weights(folder):
    return read_weights(folder / ADAPTER_WEIGHTS)


def same(first, second):
    return first.keys() == second.keys() and all(first[key].equal(second[key]) for key in first)


def test_a_run_folder_is_whole_and_loadable(tiny_run):
    names = {path.name for path in tiny_run.iterdir()}
    assert names == {
        *("adapter_config.json", "adapter_model.safetensors", "onoma.json", "recipe.yaml", "environment.json"),
        *("metrics.json", "predictions.parquet", "training_log.jsonl", "README.md", "stages"),
    }
    assert [path.name for path in (tiny_run / "stages").iterdir()] == ["1-source"]
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    assert [stage["stage"] for stage in metrics["stages"]] == ["source", "target"]
    assert metrics["stages"][1]["head"]["fresh"] == []
    assert metrics["corpora"]["as"]["test"] == 40
    assert metrics["seed"] == 13
    environment = json.loads((tiny_run / "environment.json").read_text())
    assert environment["packages"]["onoma"] == onoma.__version__
    log = [json.loads(line) for line in (tiny_run / "stages/1-source/training_log.jsonl").read_text().splitlines()]
    assert any("loss" in line for line in log)
    assert any("eval_f1" in line for line in log)
    for folder in (tiny_run, tiny_run / "stages" / "1-source"):
        assert onoma.load(folder).labels == ("LOC", "ORG", "PER")


def test_predictions_are_what_the_run_extracts(tiny_run):
    predicted = list(onoma.load_corpus(tiny_run / "predictions.parquet")["train"])
    gold = list(onoma.load_corpus("examples:as")["test"])
    assert [document.spans for document in onoma.load(tiny_run).extract(gold)] == [d.spans for d in predicted]
    assert {document.meta["corpus"] for document in predicted} == {"as"}
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    scores = metrics["stages"][-1]["test"]["as"]["all"]["micro"]
    assert scores["predicted"] == sum(len(document.spans) for document in predicted) > 0
    assert onoma.evaluate(onoma.load(tiny_run), gold).all.f1 == scores["f1"]


def test_settings_can_be_chosen_without_a_look_at_the_test_split(tiny_recipe, tmp_path):
    content = tiny_recipe(stages=[{"name": "one", "train": ["as"]}], score_on="validation")
    result, told = run(content, tmp_path)
    assert "validation as: strict F1" in told
    assert result.metrics["stages"][0]["test"]["as"]["all"]["documents"] == 16


def test_the_same_recipe_gives_the_same_weights_and_is_trained_once(tiny_recipe, tmp_path):
    content = tiny_recipe(evaluate=[])
    first, _ = run(content, tmp_path / "a")
    second, _ = run(content, tmp_path / "b")
    assert same(weights(first.folder), weights(second.folder))
    before = (first.folder / ADAPTER_WEIGHTS).stat().st_mtime_ns
    again, told = run(content, tmp_path / "a")
    assert not again.fresh
    assert again.metrics == first.metrics
    assert told == ""
    assert (first.folder / ADAPTER_WEIGHTS).stat().st_mtime_ns == before
    other, _ = run(tiny_recipe(evaluate=[], seed=14), tmp_path / "c")
    assert not same(weights(first.folder), weights(other.folder))


def test_another_recipe_does_not_take_a_runs_name(tiny_recipe, tmp_path):
    content = tiny_recipe(evaluate=[], stages=[{"name": "one", "train": ["as"]}])
    run(content, tmp_path)
    with pytest.raises(RecipeError, match=r"there is a run 'tiny' that another recipe made.*--overwrite"):
        run(content | {"seed": 99}, tmp_path)
    result, _ = run(content | {"seed": 99}, tmp_path, overwrite=True)
    assert result.metrics["seed"] == 99
    assert not list(tmp_path.glob("*.partial"))


def test_finished_stages_are_not_trained_again(tiny_recipe, tmp_path):
    content = tiny_recipe(evaluate=[])
    run(content, tmp_path)
    (tmp_path / "tiny").rename(tmp_path / "tiny.partial")
    kept = (tmp_path / "tiny.partial/stages/1-source/stage.json").stat().st_mtime_ns
    changed = content | {"stages": [content["stages"][0], content["stages"][1] | {"training": {"epochs": 2}}]}
    result, _ = run(changed, tmp_path)
    assert (result.folder / "stages/1-source/stage.json").stat().st_mtime_ns == kept
    assert result.metrics["stages"][1]["steps"] > result.metrics["stages"][0]["steps"] / 4


KILLED = """
import sys, yaml
from pathlib import Path
from onoma.training.recipe import parse_recipe
from onoma.training.stages import train
train(parse_recipe(yaml.safe_load(Path(sys.argv[1]).read_text())), runs=Path(sys.argv[2]))
"""


@pytest.mark.integration
def test_a_killed_training_goes_on_to_the_same_weights(tiny_recipe, tmp_path):
    content = tiny_recipe(
        evaluate=[],
        training={"learning_rate": 5e-3, "batch_pieces": 128, "precision": "fp32", "epochs": 25},
        stages=[{"name": "one", "train": ["as", "hi"], "validation": ["as"]}],
    )
    whole, _ = run(content, tmp_path / "whole")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(content))
    process = subprocess.Popen([sys.executable, "-c", KILLED, recipe, tmp_path / "killed"], stderr=subprocess.DEVNULL)
    work = tmp_path / "killed" / "tiny.partial" / "stages" / "1-one.work"
    deadline = time.monotonic() + 60
    while not list(work.glob("checkpoint-*/trainer_state.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert work.exists(), "it was over before it could be killed"
    assert not (tmp_path / "killed" / "tiny").exists()
    resumed, _ = run(content, tmp_path / "killed")
    assert same(weights(resumed.folder), weights(whole.folder))
    assert resumed.metrics["stages"][0]["best_step"] == whole.metrics["stages"][0]["best_step"]
    assert not list((tmp_path / "killed").glob("*.partial"))


def test_a_head_moves_to_another_label_set_by_name(tiny_recipe, tmp_path, write):
    write("c/train.conll", "Rome B-LOC\nhas O\ncats B-ANIMAL\n\n" * 8)
    content = tiny_recipe(
        data={"source": str(tmp_path / "{corpus}"), "corpora": {"c": {}}},
        evaluate=[],
        stages=[{"name": "one", "train": ["c"]}],
        name="first",
    )
    first, _ = run(content | {"labels": ["LOC"]}, tmp_path / "runs")
    stages = [{"name": "two", "train": ["c"], "start": str(first.folder)}]
    second, _ = run(content | {"name": "second", "stages": stages}, tmp_path / "runs")
    assert second.metrics["labels"] == ["ANIMAL", "LOC"]
    head = second.metrics["stages"][0]["head"]
    assert head["carried"] == ["O", "B-LOC", "I-LOC"]
    assert head["fresh"] == ["B-ANIMAL", "I-ANIMAL"]
    assert head["dropped"] == []


def test_a_result_may_lie_between_the_start_and_what_was_trained(tiny_recipe, tmp_path):
    def after(share):
        content = tiny_recipe(evaluate=[], name=f"share{share}")
        content["stages"][1] |= {"blend": share}
        result, _ = run(content, tmp_path)
        assert result.metrics["stages"][1]["validation_f1"] is not None
        return weights(result.folder / "stages/1-source"), weights(result.folder)

    source, trained = after(1.0)
    _, between = after(0.25)
    for key, value in between.items():
        assert value.allclose(0.75 * source[key] + 0.25 * trained[key], atol=1e-6)


def test_robustness_is_measured_where_wanted(tiny_recipe, tmp_path):
    wanted = {"limit": 5, "kinds": ["typos", "casing"], "strengths": [0.5]}
    result, _ = run(tiny_recipe(robustness=wanted), tmp_path)
    found = result.metrics["robustness"]
    assert (found["corpus"], found["sentences"]) == ("as", 5)
    assert [point["strength"] for point in found["curves"]["typos"]] == [0.0, 0.5]


def test_robustness_of_a_finished_run_is_measured_without_training(tiny_recipe, tmp_path):
    wanted = {"limit": 5, "kinds": ["typos"], "strengths": [0.5]}
    stages = [{"name": "one", "train": ["as"]}]
    before, _ = run(tiny_recipe(stages=stages), tmp_path)
    trained = (before.folder / ADAPTER_WEIGHTS).stat().st_mtime_ns
    after, told = run(tiny_recipe(stages=stages, robustness=wanted), tmp_path)
    assert "its robustness is measured" in told
    assert (after.folder / ADAPTER_WEIGHTS).stat().st_mtime_ns == trained
    afresh, _ = run(tiny_recipe(stages=stages, robustness=wanted), tmp_path / "afresh")
    assert after.metrics["robustness"] == afresh.metrics["robustness"]
    assert json.loads((after.folder / "metrics.json").read_text()) == after.metrics
    assert after.metrics | {"robustness": None} == before.metrics
    again, told = run(tiny_recipe(stages=stages, robustness=wanted), tmp_path)
    assert (again.fresh, told) == (False, "")
    (after.folder / ADAPTER_WEIGHTS).unlink()
    with pytest.raises(RecipeError, match="another recipe made"):
        run(tiny_recipe(stages=stages), tmp_path)


def test_a_head_may_start_afresh(tiny_recipe, tmp_path):
    content = tiny_recipe(evaluate=[])
    content["stages"][1]["head"] = "fresh"
    result, _ = run(content, tmp_path)
    head = result.metrics["stages"][1]["head"]
    assert head["carried"] == []
    assert head["fresh"] == ["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER"]


def test_the_second_matrices_may_learn_faster(tiny_recipe, tmp_path):
    def after(name, **training):
        common = {"learning_rate": 1e-8, "precision": "fp32", "max_steps": 2}
        stage = {"name": "one", "train": ["as"], "training": common | training}
        return weights(run(tiny_recipe(stages=[stage], evaluate=[], name=name), tmp_path)[0].folder)

    slow, fast = after("slow"), after("fast", lora_plus=1e5)
    for key, value in slow.items():
        assert value.allclose(fast[key], atol=1e-6) == ("lora_B" not in key)


def test_text_gets_labels_from_stages_rules_and_names(tiny_recipe, tmp_path, write):
    write("raw/train.conll", "".join(f"{word} O\nis O\nhere O\n\n" for word in ("Rome", "Oslo", "Lima", "Kiel")))
    rules = write("rules.yaml", "gazetteers: {LOC: [Rome, Lima], PER: [Oslo]}")
    data = {"source": "examples:{corpus}", "corpora": {"as": {}, "raw": {"source": str(tmp_path / "raw")}}}
    first = {"name": "one", "train": ["as"], "training": {"class_weights": {"O": 0.01}}}

    def labelled(name, **mix):
        stages = [first, {"name": "two", "train": ["as", {"corpus": "raw", **mix}], "start": "one"}]
        return run(tiny_recipe(data=data, stages=stages, evaluate=[], name=name), tmp_path / "runs")

    result, told = labelled("stage", labels_from="one")
    assert "corpus raw: 4 of 4 sentences get labels from one" in told
    assert result.metrics["stages"][1]["sentences"]["raw"] == 4
    with pytest.raises(RecipeError, match=r"stage two: one: no sentence of 'raw' is labelled surely enough"):
        labelled("unsure", labels_from="one", min_score=1.0)
    result, _ = labelled("rules", labels_from=str(rules))
    assert result.metrics["stages"][1]["weak"]["raw"]["entities"] == {"LOC": 2, "PER": 1}
    result, _ = labelled("votes", labels_from=[str(rules), "names:as", "one"], vote="majority")
    report = result.metrics["stages"][1]["weak"]["raw"]
    assert list(report["sources"]) == [str(rules), "names:as", "one"]
    assert report["sources"][str(rules)]["coverage"] == 0.75


def test_a_student_learns_what_its_teacher_says(tiny_recipe, tiny_run, tmp_path, write):
    """From unlabelled text alone, so that nothing but the teacher can have taught it."""
    texts = [document.text for document in load_corpus("examples:hi")["train"]]
    write("raw/train.conll", "".join("".join(f"{word} O\n" for word in text.split()) + "\n" for text in texts))
    data = {"source": "examples:{corpus}", "corpora": {"as": {}, "raw": {"source": str(tmp_path / "raw")}}}
    teacher = onoma.load(tiny_run)

    def agreement(epochs):
        stage = {
            "name": "one",
            "train": [{"corpus": "as", "limit": 1}, {"corpus": "raw", "unlabelled": True}],
            "distill": {"teachers": [str(tiny_run)], "weight": 1.0, "temperature": 1.0},
            "training": {"epochs": epochs, "learning_rate": 2e-2, "select": "last"},
        }
        result, _ = run(tiny_recipe(data=data, stages=[stage], evaluate=[], name=f"after{epochs}"), tmp_path / "runs")
        student = onoma.load(result.folder)
        pairs = [
            (mine.argmax(axis=1), theirs.argmax(axis=1))
            for mine, theirs in zip(
                student.score_words([Document(text) for text in texts]),
                teacher.score_words([Document(text) for text in texts]),
                strict=True,
            )
        ]
        return sum((mine == theirs).sum() for mine, theirs in pairs) / sum(len(mine) for mine, _ in pairs)

    assert agreement(8) > max(0.8, agreement(0.05) + 0.1)


def test_teachers_must_be_taggers_that_know_the_labels(tiny_recipe, tiny_run, tmp_path, write):
    rules = write("rules.yaml", "gazetteers: {LOC: [Rome]}")
    write("c/train.conll", "Rome B-CITY\nfell O\n\n" * 3)
    data = {"source": "examples:{corpus}", "corpora": {"as": {}, "c": {"source": str(tmp_path / "c")}}}

    def stage(corpus, teacher):
        return [{"name": "one", "train": [corpus], "distill": {"teachers": str(teacher)}}]

    with pytest.raises(RecipeError, match=r"rules.yaml: this teacher is no tagger"):
        run(tiny_recipe(data=data, stages=stage("as", rules), evaluate=[]), tmp_path / "runs")
    with pytest.raises(RecipeError, match="this teacher does not know the label 'CITY'. Known: LOC, ORG, PER"):
        run(tiny_recipe(data=data, stages=stage("c", tiny_run), evaluate=[]), tmp_path / "runs")


def test_letters_pieces_are_trained(tiny_recipe, tmp_path):
    stage = {"name": "one", "train": ["as"]}
    result, _ = run(tiny_recipe(stages=[stage], evaluate=["as"], adapter={"rank": 4, "letters": "ৰৱ"}), tmp_path)
    (pieces,) = [value for key, value in weights(result.folder).items() if "token_adapter" in key]
    indices = json.loads((result.folder / "adapter_config.json").read_text())["trainable_token_indices"]
    assert len(pieces) == len(indices) > 0
    with pytest.raises(ModelError, match=r"adapter.letters: no piece of this base's vocabulary holds any of '☃'"):
        run(tiny_recipe(stages=[stage], adapter={"letters": "☃"}, name="snow"), tmp_path)


def test_a_stage_does_not_start_from_a_run_on_another_base(tiny_recipe, tiny_run, tmp_path):
    content = tiny_recipe(
        base=str(make_base(tmp_path / "other", seed=5)),
        stages=[{"name": "two", "train": ["as"], "start": str(tiny_run)}],
    )
    with pytest.raises(ModelError, match="are not those that this adapter was trained on"):
        run(content, tmp_path / "runs")
    content["stages"][0]["start"] = str(tmp_path / "gone" / "run")
    with pytest.raises(ModelError, match="this is not a run"):
        run(content, tmp_path / "runs")


@pytest.mark.parametrize("method", ["dora", "rslora", "full"])
def test_every_method_trains_and_loads(tiny_recipe, tmp_path, method):
    content = tiny_recipe(adapter={"method": method, "rank": 4}, evaluate=["as"])
    result, _ = run(content, tmp_path)
    assert onoma.load(result.folder).extract("গুৱাহাটী").text == "গুৱাহাটী"
    card = (result.folder / "README.md").read_text()
    assert f"library_name: {'transformers' if method == 'full' else 'peft'}" in card


def test_settings_reach_the_training(tiny_recipe, tmp_path):
    stage = {"name": "one", "train": ["as"], "validation": ["as"]}
    training = {
        "precision": "fp32",
        "epochs": 30,
        "learning_rate": 1e-9,
        "patience": 2,
        "batch_pieces": 128,
        "head_learning_rate": 1e-9,
        "class_weights": {"O": 0.5, "PER": 2},
        "label_smoothing": 0.1,
        "schedule": "cosine",
        "subword_labels": "all",
        "gradient_checkpointing": True,
        "accumulate": 2,
        "consistency": 1.0,
    }
    result, told = run(tiny_recipe(stages=[stage], training=training, evaluate=[]), tmp_path)
    (report,) = result.metrics["stages"]
    assert report["steps"] <= 30, "it should have stopped for want of progress"
    assert json.loads((result.folder / "onoma.json").read_text())["subwords"] == "mean"
    if report["silent"]:
        assert "Stage one finds no entity at all." in told
    limited = training | {"patience": None, "max_steps": 3, "select": "last", "schedule": "constant"}
    result, _ = run(tiny_recipe(stages=[stage], training=limited, evaluate=[], name="limited"), tmp_path)
    assert result.metrics["stages"][0]["steps"] == 3


def test_a_silent_stage_is_told(tiny_recipe, tmp_path):
    stage = {"name": "one", "train": ["as"], "validation": ["as"]}
    training = {"precision": "fp32", "epochs": 1, "class_weights": {"O": 1000}, "learning_rate": 0.02}
    result, told = run(tiny_recipe(stages=[stage], training=training, evaluate=[]), tmp_path)
    assert result.metrics["stages"][0]["silent"]
    assert "Stage one finds no entity at all." in told
    blind = {"name": "one", "train": ["as"]}
    result, told = run(tiny_recipe(stages=[blind], training=training, evaluate=["as"], name="blind"), tmp_path)
    assert result.metrics["stages"][0]["silent"], "it shows on the test data too"
    assert "Stage one finds no entity at all." in told


def test_a_label_missing_from_a_stage_is_told(tiny_recipe, tmp_path, write):
    write("c/train.conll", "Rome B-LOC\nfell O\n")
    data = {"source": "examples:{corpus}", "corpora": {"as": {}, "c": {"source": str(tmp_path / "c")}}}
    stages = [{"name": "one", "train": ["as"]}, {"name": "two", "train": ["c"], "start": "one"}]
    result, told = run(tiny_recipe(data=data, stages=stages, evaluate=[]), tmp_path / "runs")
    assert "Stage two has no training example of ORG, PER:" in told
    assert [stage["labels_missing"] for stage in result.metrics["stages"]] == [[], ["ORG", "PER"]]


def test_full_tuning_may_leave_the_embeddings(tiny_recipe, tiny_base, tmp_path):
    from safetensors.torch import load_file

    content = tiny_recipe(
        adapter={"method": "full"},
        stages=[{"name": "one", "train": ["as"], "training": {"freeze_embeddings": True}}],
        evaluate=[],
    )
    result, _ = run(content, tmp_path)
    base, tuned = load_file(tiny_base / "model.safetensors"), load_file(result.folder / "model.safetensors")
    embeddings, query = "embeddings.word_embeddings.weight", "encoder.layer.0.attention.self.query.weight"
    assert tuned[f"bert.{embeddings}"].equal(base[embeddings])
    assert not tuned[f"bert.{query}"].equal(base[query])


def test_a_full_disk_leaves_no_half_run(tiny_recipe, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "weights")

    content = tiny_recipe(evaluate=[], stages=[{"name": "one", "train": ["as"]}])
    with monkeypatch.context() as patch:
        patch.setattr("onoma.training.stages.save_model", full)
        with pytest.raises(OSError, match="No space left"):
            run(content, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.partial"]
    assert {path.name for path in (tmp_path / "tiny.partial/stages").iterdir()} == {"1-one.work"}
    result, _ = run(content, tmp_path)
    assert result.folder.exists()


def test_averaged_weights_are_the_mean_of_the_last_epochs(tiny_recipe, tmp_path):
    def weights_after(name, **training):
        stage = {"name": "one", "train": ["as"], "validation": ["as"]}
        common = {"learning_rate": 5e-3, "batch_pieces": 256, "precision": "fp32", "schedule": "constant", "warmup": 0}
        content = tiny_recipe(stages=[stage], training=common | training, evaluate=[], name=name)
        result, _ = run(content, tmp_path)
        return weights(result.folder), result.metrics["stages"][0]

    mean, report = weights_after("mean", epochs=3, select="average", average=2)
    second, _ = weights_after("second", epochs=2, select="last")
    third, last = weights_after("third", epochs=3, select="last")
    assert not same(second, third)
    for key, value in mean.items():
        assert value.allclose((second[key] + third[key]) / 2, atol=1e-6)
    assert report["steps"] == report["best_step"] == last["steps"]
    assert report["validation_f1"] is not None
    unchecked = tiny_recipe(stages=[{"name": "one", "train": ["as"], "training": {"select": "average"}}], evaluate=[])
    result, told = run(unchecked | {"name": "unchecked"}, tmp_path)
    assert result.metrics["stages"][0]["validation_f1"] is None
    assert "no entity at all" not in told
