import dataclasses
import json
import shutil
import subprocess
import sys

import pytest

import onoma
from onoma.corpus import load_corpus
from onoma.deployment import export as module
from onoma.deployment.export import export
from onoma.errors import ModelError
from onoma.models.exports import ExportCard


@pytest.fixture(scope="module")
def documents():
    return list(load_corpus("examples:as")["validation"])


@pytest.fixture(scope="module")
def exported(tiny_run, documents, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "fp32"
    return export(tiny_run, folder, documents)


def test_the_graph_does_what_the_run_does(exported, tiny_run, documents):
    assert exported.parity.same == 1.0
    assert exported.parity.largest_difference < 1e-4
    assert exported.parity.loss == 0
    before, after = onoma.load(tiny_run), onoma.load(exported.folder)
    assert after.labels == before.labels
    assert after.extract(documents) == before.extract(documents)
    long = " ".join(document.text for document in documents) * 3
    assert after.extract(long) == before.extract(long)
    for one, other in zip(before.score_words(documents), after.score_words(documents), strict=True):
        assert other == pytest.approx(one, abs=1e-3)


def test_the_folder_runs_without_torch(exported):
    blocked = ["torch", "transformers", "datasets", "peft", "safetensors", "huggingface_hub", "pyarrow", "onnx"]
    code = (
        f"import sys\nfor name in {blocked}: sys.modules[name] = None\n"
        f"import onoma\nprint(len(onoma.load({str(exported.folder)!r}).extract('গুৱাহাটী অসমৰ চহৰ').spans))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 0


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_smaller_numbers(tiny_run, documents, tmp_path, exported, precision):
    done = export(tiny_run, tmp_path / precision, documents, precision=precision, most_loss=0.2)
    assert done.size < exported.size
    assert done.parity.f1_before == exported.parity.f1_before
    assert 0 < done.parity.largest_difference < 1
    card = ExportCard.read(tmp_path / precision)
    assert (card.precision, card.method) == (precision, "lora")
    assert card.threads >= 1
    assert card.budget >= 512
    assert onoma.load(tmp_path / precision).extract("গুৱাহাটী").text == "গুৱাহাটী"


def test_products_that_cost_too_much_stay_as_they_are(tiny_run, documents, tmp_path, monkeypatch):
    compare, measure = module._compare, module._Probe.harm
    calls = []
    harms = []
    monkeypatch.setattr(module._Probe, "harm", lambda probe, names: harms.append(measure(probe, names)) or harms[-1])

    def harsher(*arguments):
        found = compare(*arguments)
        calls.append(found)
        # The graph in full precision, then all in int8, then each product alone, then the worst left out.
        lost = 0.5 if len(calls) == 2 else 0.0
        return dataclasses.replace(found, f1_after=found.f1_before - lost)

    monkeypatch.setattr(module, "_compare", harsher)
    done = export(tiny_run, tmp_path / "a", documents, precision="int8")
    assert len(done.left_out) == 1
    (harm,) = harms
    assert len(harm) == 2 * 6 + 1, "six products a layer, and the head"
    assert harm[done.left_out[0]] == max(harm.values()) > min(harm.values()) >= 0
    assert ExportCard.read(tmp_path / "a").parity["left_out"] == list(done.left_out)


def test_no_products_are_enough(tiny_run, documents, tmp_path, monkeypatch):
    compare = module._compare

    def hopeless(*arguments):
        found = compare(*arguments)
        after = found.f1_before if found.same == 1 and found.largest_difference < 1e-4 else -1.0
        return dataclasses.replace(found, f1_after=after)

    monkeypatch.setattr(module, "_compare", hopeless)
    two = module.products
    monkeypatch.setattr(module, "products", lambda path: two(path)[:2])
    with pytest.raises(ModelError, match="in int8 F1 falls by"):
        export(tiny_run, tmp_path / "a", documents, precision="int8")
    assert not (tmp_path / "a").exists()


def test_a_trimmed_vocabulary_gives_the_same(tiny_run, documents, tmp_path, exported):
    text = list(load_corpus("examples:as")["train"])
    done = export(tiny_run, tmp_path / "trimmed", documents, trim=text)
    assert done.pieces[1] < done.pieces[0]
    assert done.parity.same == 1.0
    assert done.size < exported.size
    before, after = onoma.load(tiny_run), onoma.load(tmp_path / "trimmed")
    assert after.extract(text) == before.extract(text)
    kept = export(tiny_run, tmp_path / "scripts", documents, languages=["as", "hi"])
    assert done.pieces[1] < kept.pieces[1] < kept.pieces[0]


def test_what_is_not_whole_is_not_loaded(exported, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(exported.folder, folder)
    card = json.loads((folder / "onoma.json").read_text())
    graph = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(graph[:-100])
    with pytest.raises(ModelError, match="not those that the card was written for"):
        onoma.load(folder)
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"no model.onnx. Export the run again"):
        onoma.load(folder)
    (folder / "model.onnx").write_bytes(graph)
    for change in ({"format": 99}, {"labels": None}, {"surprise": 1}):
        (folder / "onoma.json").write_text(json.dumps(card | change))
        with pytest.raises(ModelError, match="another version|not a whole export card"):
            onoma.load(folder)


def test_nothing_to_compare_with_and_no_run(tiny_run, documents, tmp_path):
    with pytest.raises(ModelError, match="nothing to compare"):
        export(tiny_run, tmp_path / "a", [])
    with pytest.raises(ModelError, match="this is not a run"):
        export(tmp_path, tmp_path / "a", documents)


def test_a_graph_that_is_none(tmp_path):
    from onoma.models.onnx_logits import OnnxLogits

    (tmp_path / "model.onnx").write_text("no graph")
    with pytest.raises(ModelError, match="not a graph that onnxruntime can run"):
        OnnxLogits(tmp_path / "model.onnx")
