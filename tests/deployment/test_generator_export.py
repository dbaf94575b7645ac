import numpy as np
import onnx
import pytest

import onoma
from onoma.corpus import load_corpus
from onoma.deployment import generator_export
from onoma.deployment.generator_export import export_generator
from onoma.deployment.low_rank import linear_layers, rounded
from onoma.errors import ModelError
from onoma.models.genai_decoder import GenaiDecoder
from onoma.models.generator_card import GeneratorCard
from onoma.models.generators import base_of, new_decoder
from onoma.models.writing import Request

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def gold():
    return list(load_corpus("examples:en-it")["test"])[:8]


@pytest.fixture(scope="module")
def exported(writer, gold, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "int4"
    done = export_generator(writer, folder, gold, most_loss=1.0)
    assert done.folder == folder
    assert done.size == sum(file.stat().st_size for file in folder.iterdir())
    assert done.parity.documents == len(gold)
    return folder


def test_the_folder_loads_and_is_grounded(exported, gold):
    extractor = onoma.load(exported)
    assert isinstance(extractor.decoder, GenaiDecoder)
    found = extractor.extract(gold)
    again = extractor.extract(gold)
    assert found == again
    assert extractor.effort.findings.invalid == 0
    for document in found:
        assert all(document.surface(span) for span in document.spans)


def test_the_graph_holds_the_base_rounded_and_the_rest_beside_it(exported, writer):
    base = base_of(writer, GeneratorCard.read(writer))
    graph = onnx.load(exported / "model.onnx").graph
    held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for name, layer in linear_layers(new_decoder(base)).items():
        node = name.replace(".self_attn.", ".attn.")
        levels = held[f"{node}.MatMul.weight_Q4G32"]
        levels = np.stack([levels & 15, levels >> 4], axis=-1).reshape(*levels.shape[:2], 32)
        zeros = held[f"{node}.MatMul.weight_zp"]
        zeros = np.stack([zeros & 15, zeros >> 4], axis=-1).reshape(len(zeros), -1)[:, : levels.shape[1]]
        scales = held[f"{node}.MatMul.weight_scale"].reshape(*levels.shape[:2])
        values = (levels.astype(np.float32) - zeros[..., None]) * scales[..., None]
        values = values.reshape(len(values), -1)[:, : layer.weight.shape[1]]
        assert np.allclose(values, rounded(layer.weight.detach()).numpy(), atol=1e-5)
        assert any(key.startswith(f"{node}.lora_B.MatMul.weight_Q8") for key in held)


def test_a_prompt_that_begins_like_the_one_before_is_read_from_there(exported):
    decoder = GenaiDecoder(exported)
    prefix = tuple(decoder.vocabulary.pieces("Find the entities.\n"))
    other = tuple(decoder.vocabulary.pieces("Find names.\n"))
    question = tuple(decoder.vocabulary.pieces("Rome fell."))
    requests = [Request(start, question, None, 8) for start in (prefix, other, prefix, (), prefix)]
    written = decoder.write(requests)
    assert [GenaiDecoder(exported).write([request])[0].pieces for request in requests] == [
        answer.pieces for answer in written
    ]


def test_a_loss_that_is_too_large_stops_it(writer, gold, tmp_path):
    with pytest.raises(ModelError, match="4 bits cost") as stopped:
        export_generator(writer, tmp_path / "int4", gold, most_loss=-1.0)
    assert "--most-loss" in str(stopped.value)
    assert not (tmp_path / "int4").exists()


def test_a_base_that_cannot_be_built_is_said(tmp_path):
    (tmp_path / "config.json").write_text('{"architectures": ["Unheard"], "model_type": "unheard"}')
    with pytest.raises(ModelError, match="onnxruntime-genai cannot build this base"):
        generator_export._build(tmp_path, [], tmp_path / "out", tmp_path)
