import pytest

import onoma


def test_a_run_is_exported_and_used(onoma_cli, tiny_run, tmp_path):
    folder = tmp_path / "small"
    done = onoma_cli("export", tiny_run, folder, "--precision", "int8", "--most-loss", 1, "--trim-vocab", "examples:as")
    assert done.code == 0
    assert "documents have the same entities" in done.out
    assert "pieces of the vocabulary" in done.out
    assert onoma_cli("extract", folder, "গুৱাহাটী অসমৰ চহৰ", "--output", "jsonl").code == 0
    assert onoma_cli("evaluate", folder, "examples:as").code == 0
    assert onoma.load(folder).labels
    again = onoma_cli("export", tiny_run, folder)
    assert again.code == 1
    assert "the folder exists already" in again.err


def test_figures_for_programs(onoma_cli, tiny_run, tmp_path):
    done = onoma_cli("export", tiny_run, tmp_path / "a", "--on", "examples:as", "--languages", "as, hi", "--json").json
    assert done["precision"] == "fp32"
    assert done["parity"]["same"] == 1.0
    assert done["loss"] == 0
    assert done["pieces"][1] < done["pieces"][0]


@pytest.mark.integration
def test_a_generator_becomes_a_folder_of_four_bits(onoma_cli, writer, tmp_path):
    done = onoma_cli("export", writer, tmp_path / "int4", "--most-loss", "1", "--json").json
    assert done["format"] == "genai"
    done = onoma_cli("export", writer, tmp_path / "onnx", "--to", "onnx")
    assert done.code == 5
    assert "a generator cannot be exported to onnx" in done.err
