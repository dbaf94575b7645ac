import pytest
import torch

from onoma.models.adapters import AdapterSettings, attach
from onoma.models.bases import Base
from onoma.models.generators import new_decoder
from onoma.models.packed_attention import NAME, packed, packed_attention

FIRST, SECOND = [5, 6, 7, 8], [9, 10, 11]
ROW = torch.tensor([FIRST + SECOND])
POSITIONS = torch.tensor([[0, 1, 2, 3, 0, 1, 2]])
BEGINS = torch.tensor([0, 4, 7], dtype=torch.int32)


@pytest.fixture
def model(tiny_decoder):
    return new_decoder(Base("tiny", tiny_decoder)).eval()


def test_examples_of_a_row_do_not_see_each_other(model):
    """The mask that transformers makes of positions, and attention part by part, both give what each gives alone."""
    with torch.inference_mode():
        alone = torch.cat([model(torch.tensor([ids])).logits[0] for ids in (FIRST, SECOND)])
        masked = model(ROW, position_ids=POSITIONS, use_cache=False).logits[0]
        with packed(model):
            assert model.config._attn_implementation == NAME
            parts = model(ROW, position_ids=POSITIONS, cu_seq_lens_q=BEGINS, use_cache=False).logits[0]
            without = model(ROW, position_ids=POSITIONS, use_cache=False).logits[0]
    torch.testing.assert_close(masked, alone, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(parts, alone, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(without, masked)
    assert model.config._attn_implementation == "sdpa"


def test_gradients_are_those_of_the_mask(model):
    def gradients(**row):
        model.zero_grad()
        model(ROW, position_ids=POSITIONS, use_cache=False, **row).logits.logsumexp(-1).sum().backward()
        return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}

    wanted = gradients()
    with packed(model):
        found = gradients(cu_seq_lens_q=BEGINS)
    assert found.keys() == wanted.keys() != set()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-4, rtol=1e-3, msg=name)


def test_below_an_adapter_it_is_the_decoder_that_changes(model):
    adapted = attach(model, AdapterSettings(targets=("q_proj",)), "CAUSAL_LM")
    with packed(adapted):
        assert model.config._attn_implementation == NAME
    assert model.config._attn_implementation == "sdpa"


def test_an_error_inside_leaves_the_model_as_it_was(model):
    with pytest.raises(KeyError), packed(model):
        raise KeyError
    assert model.config._attn_implementation == "sdpa"


def test_a_layer_with_a_window_keeps_its_mask(model):
    """What cannot be cut into examples alone is left to torch, under the row's mask."""
    layer = model.model.layers[0].self_attn
    states = torch.randn(1, layer.config.num_attention_heads, 7, 4)
    keys = torch.randn(1, layer.config.num_key_value_heads, 7, 4)
    mask = torch.eye(7, dtype=torch.bool)[None, None]
    found, _ = packed_attention(layer, states, keys, keys, mask, cu_seq_lens_q=BEGINS, sliding_window=1)
    itself = keys.repeat_interleave(layer.num_key_value_groups, dim=1).transpose(1, 2)
    torch.testing.assert_close(found, itself)
