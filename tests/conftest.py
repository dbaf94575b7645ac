"""Tiny models and corpora, made here and never downloaded."""

from __future__ import annotations

import os
import re

# Two cores: threads of several processes would only wait for each other.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"

import functools
import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from onoma.corpus import load_corpus
from onoma.document import Document, Span
from onoma.words import word_offsets

settings.register_profile("onoma", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("onoma")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the shared corpora are not here")

NASTY = (
    "অসমীয়া ভাষা",  # nukta, combining marks
    "ক্\u200cষ ক্\u200dষ",  # virama with joiners
    "\u09af\u09bc \u09df",  # one letter, composed and not
    "हिन्दी क़लम",
    "e\u0301té été",
    "👨\u200d👩\u200d👧 😀x",
    "שלום \u202eabc\u202c عالم",
    "a\r\nb\tc\u00a0d\u2028e",
    "ﬁn ① ２",  # NFKC changes lengths
    "\u00ad\ufeff\u200b",
    "x\x00y",
    "東京タワー ภาษาไทย",
    "C++ C# don't node.js Obama's 3.5.2 @you #tag",
)


@st.composite
def texts(draw: Any) -> str:
    """Texts put together from nasty pieces and arbitrary characters."""
    part = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
    return draw(st.sampled_from(["", " ", ", "])).join(draw(st.lists(part, max_size=6)))


@st.composite
def documents(draw: Any, *, on_words: bool = False) -> Document:
    """Documents with spans; on words and disjoint if asked, else anywhere."""
    text = draw(texts())
    words = word_offsets(text)
    labels = st.sampled_from(["PER", "LOC", "ORG", "creative-work"])
    spans = []
    if on_words:
        cuts = sorted(draw(st.sets(st.integers(0, len(words)), max_size=8)))
        for first, last in zip(cuts[::2], cuts[1::2], strict=False):
            spans.append(Span(words[first][0], words[last - 1][1], draw(labels)))
    elif text:
        for _ in range(draw(st.integers(0, 4))):
            start = draw(st.integers(0, len(text) - 1))
            spans.append(Span(start, draw(st.integers(start + 1, len(text))), draw(labels)))
    tokens = tuple(words) if draw(st.booleans()) else None
    return Document(text, tuple(dict.fromkeys(spans)), tokens)


def make_base(folder: Path, *, seed: int = 0, tokenizer: str = "unigram") -> Path:
    """A BERT of two layers with a tokenizer trained on the examples."""
    import torch
    from tokenizers import processors
    from transformers import BertConfig, BertModel

    built = make_tokenizer(tokenizer)
    built.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(name, built.token_to_id(name)) for name in ("<s>", "</s>")]
    )
    folder.mkdir(parents=True)
    built.save(str(folder / "tokenizer.json"))
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=built.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=1,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def trained_model(
    base: Any, method: str, tags: Sequence[str] = ("O", "B-LOC", "I-LOC"), seed: int = 1, **settings: Any
) -> Any:
    """A model with random weights everywhere that training would change."""
    import torch

    from onoma.models.adapters import AdapterSettings, attach, new_classifier

    model = attach(new_classifier(base, tags), AdapterSettings(method=method, rank=4, **settings))
    torch.manual_seed(seed)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
    return model.eval()


def card_of(base: Any, method: str) -> Any:
    """What the card of such a model's run says."""
    from onoma.models.runs import RunCard

    return RunCard(("LOC",), method, base.name, None, base.checksum, base.tokenizer_checksum, window=20)


def logits_of(model: Any) -> Any:
    """What a model says to two rows of ten pieces."""
    import torch

    with torch.inference_mode():
        return model(input_ids=torch.arange(5, 25).reshape(2, 10)).logits


def make_decoder(folder: Path, *, seed: int = 0) -> Path:
    """A Llama of two layers with a byte-level tokenizer trained on the examples."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    built = make_tokenizer("bpe")
    folder.mkdir(parents=True)
    built.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"eos_token": "</s>", "pad_token": "<pad>", "tokenizer_class": "PreTrainedTokenizerFast"})
    )
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=built.get_vocab_size(),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=128,
        max_position_embeddings=2048,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        tie_word_embeddings=True,
        initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def make_tokenizer(kind: str) -> Any:
    """A tokenizer of 1,200 pieces trained on the examples; no post-processing."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    sentences = [
        document.text for name in ("hi", "bn", "as", "en-it") for document in load_corpus(f"examples:{name}")["train"]
    ]
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    if kind == "unigram":
        built = Tokenizer(models.Unigram())
        built.normalizer = normalizers.NFKC()
        built.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer: Any = trainers.UnigramTrainer(
            vocab_size=1200, special_tokens=special, unk_token="<unk>", show_progress=False
        )
    elif kind == "wordpiece":
        built = Tokenizer(models.WordPiece(unk_token="<unk>"))
        built.normalizer = normalizers.BertNormalizer()
        built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=1200, special_tokens=special, show_progress=False)
    else:
        built = Tokenizer(models.BPE())
        built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        built.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=1200,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
    built.train_from_iterator(sentences, trainer)
    return built


@pytest.fixture(scope="session")
def tiny_decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_decoder(tmp_path_factory.mktemp("bases") / "tiny-decoder")


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("bases") / "tiny")


def make_recipe(base: Path, /, **changes: Any) -> dict[str, Any]:
    """A recipe of two quick stages on a base; keyword arguments replace keys."""
    return {
        "name": "tiny",
        "base": str(base),
        "data": {"source": "examples:{corpus}", "corpora": {"hi": {}, "bn": {}, "as": {}}},
        "adapter": {"rank": 4},
        "training": {"learning_rate": 5e-3, "batch_pieces": 256, "precision": "fp32", "epochs": 1},
        "stages": [
            {"name": "source", "train": ["hi", "bn"], "validation": ["as"]},
            {"name": "target", "train": ["as"], "validation": ["as"], "start": "source"},
        ],
        "evaluate": ["as"],
    } | changes


@pytest.fixture(scope="session")
def tiny_recipe(tiny_base: Path) -> Callable[..., dict[str, Any]]:
    """:func:`make_recipe` on the tiny base."""
    return functools.partial(make_recipe, tiny_base)


@pytest.fixture(scope="session")
def tiny_run(tiny_recipe: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny recipe; the little weight of O lets it find much, if mostly wrong."""
    from onoma.training.recipe import parse_recipe
    from onoma.training.stages import train

    training = {
        "learning_rate": 1e-2,
        "batch_pieces": 256,
        "precision": "fp32",
        "epochs": 3,
        "class_weights": {"O": 0.1},
    }
    content = tiny_recipe(training=training)
    return train(parse_recipe(content), runs=tmp_path_factory.mktemp("runs")).folder


@pytest.fixture(scope="session")
def writer_recipe(tiny_decoder: Path) -> Callable[..., dict[str, Any]]:
    """Makes a recipe of a generator; keyword arguments replace keys."""

    def make(**changes: Any) -> dict[str, Any]:
        return {
            "name": "writer",
            "base": str(tiny_decoder),
            "generator": {"sample": 4, "open": 0.0, "drop": 0.0},
            "data": {"source": "examples:{corpus}", "corpora": {"en-it": {}}},
            "adapter": {"rank": 8, "alpha": 16},
            "training": {"learning_rate": 1e-2, "batch_pieces": 512, "precision": "fp32", "epochs": 2},
            "stages": [{"name": "it", "train": ["en-it"], "validation": ["en-it"]}],
            "evaluate": ["en-it"],
        } | changes

    return make


@pytest.fixture(scope="session")
def writer(writer_recipe: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a tiny generator."""
    from onoma.training.recipe import parse_recipe
    from onoma.training.stages import train

    return train(parse_recipe(writer_recipe()), runs=tmp_path_factory.mktemp("writers")).folder


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a text file into the test's folder."""

    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        return path

    return put


def rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


_ROOT = Path(__file__).parents[1]
PAGES = [_ROOT / "README.md", *sorted((_ROOT / "docs").rglob("*.md"))]
"""What people read."""


def code_blocks(page: Path, language: str) -> list[str]:
    """The code of a language that a page shows."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def shell_lines(page: Path) -> list[str]:
    """The commands that a page shows, a line each."""
    lines = (line for block in code_blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines())
    return [line.strip() for line in lines if line.strip()]


GOLDEN = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str) -> None:
    """Compare with a file of ``tests/golden``; ``UPDATE_GOLDEN=1 pytest`` writes it anew, for the diff to show."""
    path = GOLDEN / name
    lines = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(lines, encoding="utf-8")
    assert lines == path.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def onoma_cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs a command line in this process, as the console script does."""
    from onoma.cli.main import run

    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: object, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "argv", ["onoma", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfd.readouterr()
        code = 0
        try:
            run()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return call
