import pytest
import torch
from safetensors.torch import load_file

from onoma.deployment.low_rank import BLOCK, rounded, write_difference
from onoma.files import read_json
from onoma.models.adapters import ADAPTER_CONFIG, ADAPTER_WEIGHTS


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(13)


def linear(weight):
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight = torch.nn.Parameter(weight)
    return layer


def in_four_bits(rows, columns):
    """A matrix as it comes out of GGUF's Q4_1: levels times a step, and a least value, for each block."""
    levels = torch.randint(0, 16, (rows, columns // BLOCK, BLOCK)).float()
    levels[..., 0], levels[..., 1] = 0, 15
    steps, least = torch.rand(rows, columns // BLOCK, 1) + 0.5, -7 * torch.rand(rows, columns // BLOCK, 1) - 1
    return ((levels + least) * steps).reshape(rows, columns)


def restored(base, merged, folder, rank):
    write_difference(
        {"model.layers.0.mlp.up_proj": linear(base)}, {"model.layers.0.mlp.up_proj": linear(merged)}, folder, rank
    )
    tensors = load_file(folder / ADAPTER_WEIGHTS)
    down, up = (tensors[f"base_model.model.model.layers.0.mlp.up_proj.lora_{side}.weight"] for side in "AB")
    return rounded(base) + up @ down


@pytest.mark.parametrize("columns", [BLOCK, 5, 70])
def test_rounding_moves_no_weight_by_more_than_a_step(columns):
    weight = torch.randn(9, columns)
    blocks = torch.nn.functional.pad(weight, (0, -columns % BLOCK)).reshape(9, -1, BLOCK)
    step = (blocks.amax(-1).clamp(min=0) - blocks.amin(-1).clamp(max=0)) / 15
    # The zero point is rounded too, so the ends of a block may be cut off by another half.
    most = step.repeat_interleave(BLOCK, dim=1)[:, :columns]
    assert bool(((rounded(weight) - weight).abs() <= most + 1e-6).all())
    assert bool((rounded(torch.zeros(2, columns)) == 0).all())


def test_a_small_adapter_outlives_four_bits(tmp_path):
    base = in_four_bits(64, 96)
    merged = base + 0.01 * torch.randn(64, 2) @ torch.randn(2, 96)
    change = (merged - base).norm()
    assert (rounded(merged) - merged).norm() > 5 * change
    assert (restored(base, merged, tmp_path / "new", 2) - merged).norm() < 0.3 * change


def test_other_bases_keep_their_adapter_and_lose_less(tmp_path):
    base = torch.randn(64, 96)
    merged = base + torch.randn(64, 1) @ torch.randn(1, 96)
    left = restored(base, merged, tmp_path / "new", 1) - merged
    assert left.norm() < 0.95 * (rounded(base) - base).norm()


def test_the_difference_is_an_adapter_of_peft(tmp_path):
    base = torch.randn(8, 96)
    restored(base, base, tmp_path / "new", 1)
    config = read_json(tmp_path / "new" / ADAPTER_CONFIG)
    assert config["rank_pattern"] == {"model.layers.0.mlp.up_proj": 8}
    assert config["r"] == config["lora_alpha"] == 8


@pytest.mark.parametrize(("rank", "columns", "ranks"), [(16, 576, 32), (16, 1024, 64), (0, 32, 32), (64, 96, 64)])
def test_ranks_are_whole_blocks(tmp_path, rank, columns, ranks):
    weight = torch.randn(128, columns)
    restored(weight, weight, tmp_path / "new", rank)
    assert read_json(tmp_path / "new" / ADAPTER_CONFIG)["r"] == ranks
