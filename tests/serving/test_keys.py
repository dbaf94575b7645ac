import pytest

from onoma.errors import DataError
from onoma.serving.keys import Keys, new_key


def test_keys_are_kept_as_hashes(tmp_path):
    path = tmp_path / "keys.yaml"
    first, admin = new_key(path, "team"), new_key(path, "boss", "admin")
    assert first not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    keys = Keys.read(path)
    assert (keys.find(first).name, keys.find(first).role) == ("team", "user")
    assert keys.find(admin).role == "admin"
    for wrong in ("", "onoma-", first[:-1], first + "x", "\ud800"):
        assert keys.find(wrong) is None
    again = new_key(path, "team")
    keys = Keys.read(path)
    assert keys.find(first) is None
    assert keys.find(again).name == "team"
    assert keys.find(admin).name == "boss"


@pytest.mark.parametrize("content", ["- a", "a: {role: user}", "a: 3", "a: {role: king, sha256: 00}"])
def test_files_that_are_not_whole(tmp_path, content):
    path = tmp_path / "keys.yaml"
    path.write_text(content)
    with pytest.raises(DataError):
        Keys.read(path)
