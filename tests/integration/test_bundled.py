"""The bases that come with the package, converted and run for real."""

import pytest

import onoma
from onoma.alignment import WordEncoder
from onoma.models.bases import BUNDLED, resolve_base
from onoma.training.recipe import parse_recipe
from onoma.training.stages import train

pytestmark = pytest.mark.integration
E5 = "bundled:multilingual-e5-small"


@pytest.mark.parametrize("name", sorted(BUNDLED))
def test_every_bundled_base_is_an_ordinary_folder(name):
    from transformers import AutoConfig, AutoTokenizer

    base = resolve_base(f"bundled:{name}")
    assert AutoConfig.from_pretrained(base.folder).vocab_size >= len(AutoTokenizer.from_pretrained(base.folder))
    assert resolve_base(str(base.folder)).checksum == base.checksum


def test_the_multilingual_tokenizer_is_xlm_rs():
    # Ids that XLM-R's own tokenizer gives (https://huggingface.co/FacebookAI/xlm-roberta-base).
    encoder = WordEncoder.from_folder(resolve_base(E5).folder)
    assert (encoder.prefix, encoder.suffix, encoder.pad, encoder.unknown) == ((0,), (2,), 1, 3)
    assert encoder.encode(["Hello", "world"]) == [(35378,), (8999,)]
    assert encoder.encode(["ﬁn"]) == encoder.encode(["fin"])


def test_sentences_of_one_meaning_are_near_each_other():
    import torch
    from transformers import AutoModel

    folder = resolve_base(E5).folder
    encoder, model = WordEncoder.from_folder(folder), AutoModel.from_pretrained(folder, dtype=torch.float32).eval()

    def embedding(text):
        pieces = [piece for word in encoder.encode(text.split()) for piece in word]
        with torch.inference_mode():
            states = model(torch.tensor([[*encoder.prefix, *pieces, *encoder.suffix]])).last_hidden_state
        return torch.nn.functional.normalize(states.mean(dim=1), dim=1)[0]

    river = embedding("query: the river is in flood")
    assert river @ embedding("query: নদীতে বন্যা হয়েছে") > river @ embedding("query: সে একটি বই লিখেছে")


def test_an_english_adapter_learns_its_own_labels(tmp_path):
    recipe = parse_recipe(
        {
            "name": "it",
            "base": "bundled:minilm-l6",
            "data": {"corpora": {"it": {"source": "examples:en-it"}}},
            "training": {"epochs": 20, "batch_pieces": 128, "learning_rate": 3e-3},
            "stages": [{"name": "one", "train": ["it"], "validation": ["it"]}],
            "evaluate": ["it"],
        }
    )
    run = train(recipe, runs=tmp_path)
    (report,) = run.metrics["stages"]
    assert report["test"]["it"]["all"]["micro"]["f1"] > 0.2
    document = onoma.load(run.folder).extract("We moved from MySQL 5.7 to PostgreSQL.")
    assert document.spans
