"""On real corpora, where they are at hand."""

from pathlib import Path

import pytest
from conftest import SHARED, needs_shared

import onoma
from onoma.corpus import load_corpus
from onoma.document import Document, Span
from onoma.evaluation import evaluate
from onoma.training.recipe import load_recipe, parse_recipe
from onoma.training.stages import train

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
pytestmark = [pytest.mark.integration, needs_shared]


def test_one_long_document_scores_as_its_sentences(tmp_path):
    """A tagger that learned little, but enough to compare: all sentences as lines of one text, against each alone."""
    recipe = parse_recipe(
        {
            "name": "so",
            "base": "bundled:minilm-l6",
            "data": {"corpora": {"so": {"source": str(SHARED / "stackoverflow")}}},
            "adapter": {"method": "full"},
            "training": {"max_steps": 140, "batch_pieces": 512, "learning_rate": 5e-4},
            "stages": [{"name": "one", "train": [{"corpus": "so", "limit": 1000}]}],
        }
    )
    extractor = onoma.load(train(recipe, runs=tmp_path).folder)
    gold = list(load_corpus(SHARED / "stackoverflow")["test"])[:1000]
    apart = evaluate(extractor, gold).all
    shift, tokens, spans = 0, [], []
    for document in gold:
        tokens += [(start + shift, end + shift) for start, end in document.words()]
        spans += [Span(span.start + shift, span.end + shift, span.label) for span in document.spans]
        shift += len(document.text) + 1
    whole = Document("\n".join(document.text for document in gold), tuple(spans), tuple(tokens))
    together = evaluate(extractor, [whole])
    assert together.predicted[0].tokens == whole.tokens
    assert apart.micro.support == together.all.micro.support
    assert apart.boundary_f1 > 0.3
    assert together.all.boundary_f1 == pytest.approx(apart.boundary_f1, abs=0.005)
    assert together.all.f1 == pytest.approx(apart.f1, abs=0.005)


def test_the_assamese_recipe_runs_on_local_data(tmp_path):
    recipe = load_recipe(
        RECIPES / "assamese.yaml",
        [
            "base=bundled:multilingual-e5-small",
            f"data.source={SHARED}/wikiann_{{corpus}}",
            "stages.source.training={max_steps: 3}",
            "stages.assamese.training={max_steps: 3}",
            "evaluate=[as]",
        ],
    )
    run = train(recipe, runs=tmp_path)
    assert [stage["steps"] for stage in run.metrics["stages"]] == [3, 3]
    assert run.metrics["stages"][0]["repeats_dropped"] > 7000
    assert run.metrics["labels"] == ["LOC", "ORG", "PER"]
    assert sum(path.stat().st_size for path in run.folder.glob("*.safetensors")) <= 8_000_000
