"""From a name to an extractor."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from onoma.alignment import WordEncoder
from onoma.errors import DataError, ModelError
from onoma.extractors.base import Extractor
from onoma.extractors.rules import RulesExtractor
from onoma.extractors.tagger import TaggerExtractor, TaggerSettings
from onoma.files import read_table
from onoma.models import generator_card
from onoma.models.bases import Base, is_hub_id, resolve_base
from onoma.models.exports import GRAPH, KIND, ExportCard, kind_of
from onoma.models.onnx_logits import OnnxLogits
from onoma.models.runs import CARD_NAME, RunCard


def load(name: str | Path, *, base: str | None = None) -> Extractor:
    """Load an extractor.

    Args:
        name: a run or export folder, a YAML file of rules, of an endpoint or of a served generator, or the hub id of a
            pushed run.
        base: where the base lies now, if not under the name that the run states.

    Raises:
        ModelError: if it cannot be found, is corrupt, or its base is missing or another one.

    Examples:
        >>> extractor = load("runs/assamese")  # doctest: +SKIP
        >>> extractor.extract(["গুৱাহাটী এখন মহানগৰ।"])  # doctest: +SKIP
    """
    path = Path(name)
    if path.is_dir():
        return _load_folder(path, base)
    if path.suffix in {".yaml", ".yml"}:
        return _load_file(path)
    if path.exists() or not is_hub_id(str(name)) or "/" not in str(name):
        raise ModelError(
            "no such run", where=str(name), mend="Name a run folder, a rules file or a hub id (owner/name)."
        )
    return _load_folder(_from_hub(str(name)), base)


def asked_for(extractor: Extractor, labels: str) -> Extractor:
    """A generator that is asked for other types than its own.

    Args:
        extractor: a generator.
        labels: types separated by commas, or ``any`` to let it choose.

    Raises:
        ModelError: if it is none.
    """
    from onoma.extractors.generator import GeneratorExtractor

    if not isinstance(extractor, GeneratorExtractor):
        raise ModelError(
            "this extractor cannot be asked for other types than its own",
            where="--labels",
            mend=f"It finds {', '.join(extractor.labels)}; a generator takes any types.",
        )
    return extractor.with_labels(None if labels == "any" else [label.strip() for label in labels.split(",")])


def _load_folder(folder: Path, base: str | None) -> Extractor:
    kind = kind_of(folder)
    if kind == KIND:
        return _load_onnx(folder)
    if kind in {generator_card.KIND, generator_card.EXPORT_KIND}:
        return _load_generator(folder, base)
    return _load_tagger(folder, base)


def _load_file(path: Path) -> Extractor:
    keys = read_table(path, "rules or endpoint file", DataError)
    if "run" in keys:
        return _load_served(path, keys)
    if "model" in keys:
        from onoma.extractors.endpoint import EndpointExtractor

        return EndpointExtractor.from_file(path)
    return RulesExtractor.from_file(path)


def _load_onnx(folder: Path) -> TaggerExtractor:
    card = ExportCard.read(folder)
    settings = TaggerSettings.of(card, card.max_pieces)
    encoder = WordEncoder.from_folder(folder, card.rewrite, mark_casing=card.mark_casing)
    logits = OnnxLogits(folder / GRAPH, _threads(card.threads), spin=card.spin)
    return TaggerExtractor(logits, encoder, settings, budget=card.budget)


def _threads(wanted: int) -> int:
    """As many as were fastest, or as many as one worker among several may have, which is less."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return min(wanted or int(allowed), int(allowed)) if allowed.isdecimal() and int(allowed) else wanted


def _load_tagger(folder: Path, base_name: str | None) -> TaggerExtractor:
    from onoma.models.merging import load_merged
    from onoma.models.torch_logits import TorchLogits, default_device

    card = RunCard.read(folder)
    if card.method == "full":
        base = Base(str(folder), folder)
    else:
        base = resolve_base(base_name or card.base, revision=None if base_name else card.base_revision)
    settings = TaggerSettings.of(card, base.max_pieces)
    # Before torch is imported, a large tokenizer takes two thirds of the time that it takes after.
    encoder = WordEncoder.from_folder(base.folder, card.rewrite, mark_casing=card.mark_casing)
    with ThreadPoolExecutor(1) as pool:
        if card.method != "full":  # a full run is its own base
            pool.submit(lambda: base.checksum)  # hashed while the main thread imports torch and transformers
        model: Any = load_merged(folder, card, base, settings.tags.tags)
    model.to(default_device())
    return TaggerExtractor(TorchLogits(model), encoder, settings)


def _load_generator(folder: Path, base_name: str | None) -> Extractor:
    from onoma.extractors.generator import GeneratorExtractor, GeneratorSettings
    from onoma.models.generators import base_of, load_decoder

    card = generator_card.GeneratorCard.read(folder)
    if card.exported:
        from onoma.models.genai_decoder import GenaiDecoder

        return GeneratorExtractor(GenaiDecoder(folder), GeneratorSettings.of(card))
    decoder = load_decoder(folder, card, base_of(folder, card, base_name))
    return GeneratorExtractor(decoder, GeneratorSettings.of(card))


def _load_served(path: Path, keys: dict[str, Any]) -> Extractor:
    from pydantic import ValidationError

    from onoma.extractors.generator import GeneratorExtractor, GeneratorSettings
    from onoma.models.generators import base_of
    from onoma.models.served_decoder import ServedDecoder, Server
    from onoma.schema import section_error

    try:
        server = Server.model_validate(keys)
    except ValidationError as error:
        raise section_error(error, Server, str(path), DataError) from error
    card = generator_card.GeneratorCard.read(server.run)
    decoder = ServedDecoder(server, base_of(server.run, card).folder)
    return GeneratorExtractor(decoder, GeneratorSettings.of(card))


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.md", "*.yaml"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"no run {name!r} here, and the hub does not give one ({type(error).__name__})",
            mend="Check the name and the network, or name a run folder.",
        ) from error
    if not (folder / CARD_NAME).exists():
        raise ModelError(f"{name!r} on the hub is not a run of Onoma", mend="Train one with `onoma train`.")
    return folder
