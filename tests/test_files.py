import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from onoma.errors import OnomaError
from onoma.files import (
    atomic_file,
    atomic_folder,
    cache_folder,
    folder_size,
    locked,
    move_folder,
    read_json,
    sha256,
    write_json,
)


def test_failed_write_leaves_the_old_file_and_nothing_beside(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="No space"), atomic_file(path) as beside:
        beside.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_written_file_is_as_readable_as_any_other(tmp_path):
    (tmp_path / "plain").write_text("")
    write_json(tmp_path / "ours.json", {})
    assert (tmp_path / "ours.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_folder_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "run") as folder:
        (folder / "a").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(tmp_path / "run") as folder:
        (folder / "a").write_text("x")
    assert (tmp_path / "run" / "a").read_text() == "x"
    with pytest.raises(OnomaError, match="exists already"), atomic_folder(tmp_path / "run"):
        pass


def test_moved_folder_takes_the_place_of_the_old_one(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "who").write_text(name)
    move_folder(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old" / "who").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_kill_in_the_middle_of_a_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text('"old"')
    program = (
        "import sys, pathlib; from onoma.files import atomic_file\n"
        f"with atomic_file(pathlib.Path({str(path)!r})) as beside:\n"
        "    beside.write_text('half'); print('writing', flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    assert process.stdout.readline() == b"writing\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert read_json(path) == "old"


def test_json_errors_name_file_and_line(tmp_path):
    with pytest.raises(OnomaError, match=r"none\.json: no such file"):
        read_json(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text('{\n"a": }')
    with pytest.raises(OnomaError, match=r"bad\.json:2: not JSON"):
        read_json(tmp_path / "bad.json")


def test_checksum_and_size(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert folder_size(tmp_path) == 3


def test_cache_can_be_moved(monkeypatch):
    monkeypatch.setenv("ONOMA_CACHE", "/elsewhere")
    assert cache_folder() == Path("/elsewhere")
    monkeypatch.delenv("ONOMA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/onoma")


def test_a_locked_target_is_for_one_process(tmp_path):
    target = tmp_path / "runs" / "it"
    with locked(target):
        with pytest.raises(OnomaError, match="it: another process is at work on it. Wait until it has ended"):
            locked(target).__enter__()
        with locked(target.with_name("other")):
            pass
        assert [path.name for path in target.parent.iterdir()] == [".it.lock"]
    assert list(target.parent.iterdir()) == []
    with locked(target):
        pass


def test_a_killed_process_lets_go(tmp_path):
    script = "import sys, time; from pathlib import Path; from onoma.files import locked\n"
    script += "with locked(Path(sys.argv[1]) / 'it'): print('mine', flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"mine\n"
    with pytest.raises(OnomaError, match="another process"):
        locked(tmp_path / "it").__enter__()
    other.kill()
    other.wait()
    with locked(tmp_path / "it"):
        pass


def test_only_one_of_many_who_come_and_go_has_the_lock(tmp_path):
    held, most, refused = 0, 0, 0
    guard = threading.Lock()

    def visit():
        nonlocal held, most, refused
        for _ in range(100):
            try:
                with locked(tmp_path / "it"):
                    with guard:
                        held += 1
                        most = max(most, held)
                    with guard:
                        held -= 1
            except OnomaError:
                refused += 1

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert refused < 800
