"""A real language model behind a real server: SmolLM2 in `transformers serve`."""

import pytest
import yaml
from transformers_server import serve_base

import onoma

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server():
    with serve_base("bundled:smollm2-135m") as served:
        yield served


def test_a_real_model_is_asked_and_invents_no_span(server, write):
    url, model = server
    content = {
        "model": model,
        "url": url,
        "labels": {"PER": "people", "LOC": "places"},
        "examples": {"corpus": "examples:en-it", "count": 2, "choose": "first"},
        "max_tokens": 40,
        "concurrency": 1,
    }
    extractor = onoma.load(write("llm.yaml", yaml.safe_dump(content)))
    documents = extractor.extract(["Ann Lee moved to Rome.", "Bob stays in Oslo."])
    assert [document.text for document in documents] == ["Ann Lee moved to Rome.", "Bob stays in Oslo."]
    assert extractor.usage.requests == 2
    assert extractor.usage.input_tokens > 100
    assert extractor.usage.output_tokens > 0
    for document in documents:
        assert all(span.label in {"PER", "LOC"} and document.surface(span) in document.text for span in document.spans)
