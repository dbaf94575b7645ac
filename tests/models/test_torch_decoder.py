import pytest

from onoma.errors import ModelError
from onoma.models.bases import Base
from onoma.models.generators import new_decoder
from onoma.models.torch_decoder import TorchDecoder
from onoma.models.vocabulary import Vocabulary
from onoma.models.writing import Request

TEXTS = ["Rome fell.", "গুৱাহাটী এখন মহানগৰ।", "a", "Ubuntu 22.04 throws a NullPointerException in java.util.HashMap now"]


@pytest.fixture(scope="module")
def model(tiny_decoder):
    return new_decoder(Base("tiny", tiny_decoder)).eval()


@pytest.fixture(scope="module")
def vocabulary(tiny_decoder):
    return Vocabulary(tiny_decoder)


def requests(vocabulary, prefix, grammar=None, most=12):
    return [Request(tuple(vocabulary.pieces(prefix)), tuple(vocabulary.pieces(text)), grammar, most) for text in TEXTS]


@pytest.mark.parametrize("prefix", ["", "Find: "])
def test_a_batch_writes_what_each_would_alone_and_what_transformers_writes(model, vocabulary, prefix):
    import torch

    asked = requests(vocabulary, prefix)
    together = TorchDecoder(model, vocabulary).write(asked)
    for request, written in zip(asked, together, strict=True):
        assert TorchDecoder(model, vocabulary).write([request])[0].pieces == written.pieces
        prompt = torch.tensor([[*request.prefix, *request.pieces]])
        whole = model.generate(prompt, max_new_tokens=request.most, do_sample=False, eos_token_id=vocabulary.end)
        own = [piece for piece in whole[0, prompt.shape[1] :].tolist() if piece != vocabulary.end]
        assert list(written.pieces) == own
        assert all(0 < probability <= 1 for probability in written.probabilities)


def test_forced_pieces_cost_no_step(model, vocabulary):
    grammar = 'start: "Find the entities of " ("Rome" | "Oslo") " and nothing else"'
    written = TorchDecoder(model, vocabulary).write(requests(vocabulary, "", grammar, most=200))
    expected = {f"Find the entities of {name} and nothing else" for name in ("Rome", "Oslo")}
    for answer in written:
        assert vocabulary.text(answer.pieces) in expected
        assert answer.steps < len(answer.pieces) / 2
        assert answer.whole


def test_an_answer_that_grows_too_long_is_cut_and_says_so(model, vocabulary):
    written = TorchDecoder(model, vocabulary).write(requests(vocabulary, "", "start: /[a-z ]{500,}/", most=20))
    assert all(not answer.whole and 20 <= len(answer.pieces) < 40 for answer in written)


def test_a_bad_grammar_is_an_error_of_ours(model, vocabulary):
    with pytest.raises(ModelError, match="a grammar cannot be read"):
        TorchDecoder(model, vocabulary).write(requests(vocabulary, "", "start: missing"))


def test_a_base_that_writes_no_text_is_refused(tiny_base):
    with pytest.raises(ModelError, match="no decoder"):
        new_decoder(Base("tiny", tiny_base))
