import json

import pytest

from onoma.training.checkpoints import last_checkpoint, list_checkpoints


@pytest.fixture
def folder(tmp_path):
    for step in (9, 30, 111):
        path = tmp_path / f"checkpoint-{step}"
        path.mkdir()
        (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    (tmp_path / "training_log.jsonl").touch()
    return tmp_path


def test_the_last_by_number(folder):
    assert [path.name for path in list_checkpoints(folder)] == ["checkpoint-9", "checkpoint-30", "checkpoint-111"]
    assert last_checkpoint(folder) == folder / "checkpoint-111"
    assert last_checkpoint(folder / "nowhere") is None


@pytest.mark.parametrize("left", [None, "", '{"global_st'])
def test_what_was_cut_short_goes(folder, left):
    state = folder / "checkpoint-111" / "trainer_state.json"
    state.unlink()
    if left is not None:
        state.write_text(left)
    assert last_checkpoint(folder) == folder / "checkpoint-30"
    assert not (folder / "checkpoint-111").exists()
