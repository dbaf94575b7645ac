import threading

import pytest

import onoma
from onoma.corpus import load_corpus
from onoma.deployment.export import export
from onoma.document import Document
from onoma.errors import ModelError, OnomaError
from onoma.serving.engines import Engines
from onoma.training.recipe import parse_recipe
from onoma.training.stages import train


@pytest.fixture(scope="module")
def texts():
    return [document.text for document in load_corpus("examples:as")["test"]][:12]


@pytest.fixture(scope="module")
def paths(tiny_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    export(tiny_run, folder / "onnx", list(load_corpus("examples:as")["validation"]))
    (folder / "rules.yaml").write_text("gazetteers: {LOC: [গুৱাহাটী]}\n")
    return {"adapter": tiny_run, "onnx": folder / "onnx", "other": folder / "rules.yaml"}


def spans(documents):
    return [[(span.start, span.end, span.label) for span in document.spans] for document in documents]


def test_all_kinds_answer_what_they_answer_alone(paths, texts):
    engines = Engines()
    for kind, path in paths.items():
        assert engines.add(kind, path).kind == kind
    engines.add("twin", paths["adapter"])
    names = [[*paths, "twin"][number % 4] for number in range(len(texts))]
    found = engines.extract([Document(text) for text in texts], names)
    alone = {name: onoma.load(paths.get(name, paths["adapter"])).extract(texts) for name in set(names)}
    assert spans(found) == spans([alone[name][number] for number, name in enumerate(names)])
    assert engines.served["adapter"].labels == ("LOC", "ORG", "PER")


def test_a_failure_is_the_answer_of_its_own_documents(paths):
    engines = Engines()
    engines.add("rules", paths["other"])
    good, bad = engines.extract([Document("গুৱাহাটী"), Document("x")], ["rules", "none"])
    assert len(good.spans) == 1
    assert isinstance(bad, OnomaError)
    assert "no adapter 'none'" in str(bad)


def test_an_adapter_that_cannot_share_runs_by_itself(tiny_recipe, paths, texts, tmp_path):
    stage = {"name": "one", "train": ["as"], "training": {"max_steps": 2}}
    content = tiny_recipe(name="letters", adapter={"rank": 2, "letters": "ৰ"}, stages=[stage], evaluate=[])
    run = train(parse_recipe(content), runs=tmp_path).folder
    engines = Engines()
    engines.add("x", paths["adapter"])
    assert engines.add("x", run).kind == "run"
    found = engines.extract([Document(text) for text in texts], ["x"] * len(texts))
    assert spans(found) == spans(onoma.load(run).extract(texts))
    assert engines.add("x", paths["adapter"]).kind == "adapter"


def test_names(paths):
    engines = Engines()
    with pytest.raises(ModelError, match="none is loaded"):
        engines.find(None)
    engines.add("a", paths["other"])
    assert engines.find(None).name == "a"
    engines.add("b", paths["adapter"])
    with pytest.raises(ModelError, match="Name one: a, b"):
        engines.find(None)
    with pytest.raises(ModelError, match="no adapter 'c'"):
        engines.find("c")
    # Of another kind, under the same name, both ways.
    assert engines.add("a", paths["adapter"]).kind == "adapter"
    assert engines.add("a", paths["onnx"]).kind == "onnx"
    with pytest.raises(OnomaError):
        engines.add("a", paths["adapter"].parent)
    assert engines.served["a"].kind == "onnx"
    engines.remove("a")
    engines.remove("b")
    assert engines.served == {}
    with pytest.raises(ModelError):
        engines.remove("a")


def test_all_work_is_done_in_one_thread_and_what_is_discarded_waits_for_it(paths):
    engines = Engines()
    engines.add("rules", paths["other"])
    threads = set()

    class Watched(dict):
        """Discards, as a finalizer that runs in the thread itself would."""

        def get(self, name, default=None):
            threads.add(threading.current_thread().name)
            engines.discard("rules")
            return super().get(name, default)

    engines._alone = Watched(engines._alone)
    callers = [threading.Thread(target=engines.extract, args=([Document("x")], ["rules"])) for _ in range(3)]
    for caller in callers:
        caller.start()
        caller.join(10)
        assert not caller.is_alive()
    assert threads == {"onoma-engines_0"}
    with pytest.raises(ModelError):
        engines.remove("rules")


def test_generators_of_one_base_share_it(writer, paths):
    read = ["Ubuntu 22.04 throws", "Java on Windows"]
    engines = Engines()
    for name in ("writer", "twin"):
        assert engines.add(name, writer).kind == "adapter"
    engines.add("rules", paths["other"])
    found = engines.extract([Document(text) for text in read * 2], ["writer", "writer", "twin", "twin"])
    assert spans(found) == spans(onoma.load(writer).extract(read * 2))
    engines.remove("twin")
    assert set(engines.served) == {"writer", "rules"}
    engines.add("writer", paths["other"])
    assert engines.served["writer"].kind == "other"
