"""Files that are either whole or absent: write beside, fsync, rename."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from onoma.errors import OnomaError


def cache_folder() -> Path:
    """Folder for what can be made again (converted bases); ``ONOMA_CACHE`` moves it."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "onoma"
    return Path(os.environ.get("ONOMA_CACHE", default))


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; on success it replaces ``path``, on failure it goes.

    Examples:
        >>> with atomic_file(Path("/tmp/onoma-doc.txt")) as beside:
        ...     _ = beside.write_text("whole")
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        # mkstemp makes private files; a corpus or a run is as readable as its folder's owner says.
        beside.chmod(0o666 & ~_umask())
        _fsync(beside)
        beside.replace(path)
        _fsync(path.parent)
    finally:
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield a folder beside ``path`` to fill; on success it takes the place of ``path``.

    Args:
        path: the folder to make.
        replace: put it in the place of a folder that is there already.

    Raises:
        OnomaError: if ``path`` exists and ``replace`` is false.
    """
    if path.exists() and not replace:
        raise OnomaError("the folder exists already", where=str(path), mend="Choose another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield beside
        beside.chmod(0o777 & ~_umask())
        move_folder(beside, path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def move_folder(source: Path, target: Path) -> None:
    """Give a finished folder its name at once, taking the place of an older folder of that name."""
    for file in source.rglob("*"):
        if file.is_file():
            _fsync(file)
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
        target.replace(old)
        source.replace(target)
        shutil.rmtree(old)
    else:
        source.replace(target)
    _fsync(target.parent)


@contextlib.contextmanager
def locked(target: Path, *, wait: bool = False) -> Iterator[None]:
    """Keep other processes that make the same file or folder away; the system ends it when a process is killed.

    Args:
        target: what is being made; the lock is a hidden file beside it.
        wait: until another process that has the lock lets it go.

    Raises:
        OnomaError: if another process has the lock, and we do not wait.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.parent / f".{target.name}.lock"
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who had it before may have removed the file between our two calls, and then it keeps nobody away.
            if path.exists() and os.path.samestat(path.stat(), os.fstat(handle)):
                break
        except BlockingIOError as error:
            os.close(handle)
            raise OnomaError(
                "another process is at work on it",
                where=str(target),
                mend="Wait until it has ended, or choose another name.",
            ) from error
        except FileNotFoundError:
            pass
        os.close(handle)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def link_folder(source: Path, target: Path) -> None:
    """Make ``target`` a folder of the same files, sharing their bytes where the file system can."""
    with atomic_folder(target, replace=True) as beside:
        shutil.copytree(source, beside, copy_function=_link, dirs_exist_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file that is either whole or absent."""
    with atomic_file(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON with a newline at the end, whole or not at all."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        OnomaError: if the file is missing or is not JSON; the message names file and line.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OnomaError("no such file", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise OnomaError(f"not JSON ({error})", where=f"{path}{line}") from error


def read_table(path: Path, what: str, error: type[OnomaError]) -> dict[str, Any]:
    """Read a YAML file that holds a table of keys.

    Args:
        path: the file.
        what: what the file is, for messages.
        error: class of the error that is raised.

    Raises:
        OnomaError: if it is missing, is not YAML or holds something else.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as problem:
        raise error(f"no such {what}", where=str(path)) from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise error(f"not YAML ({' '.join(str(problem).split())})", where=str(path)) from problem
    if not isinstance(content, dict):
        raise error(f"a {what} is a table of keys", where=str(path))
    return content


def sha256(*paths: Path) -> str:
    """Checksum over the bytes of files, in the order given, as ``sha256:<hex>``."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as handle:
            while block := handle.read(1 << 22):
                digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def folder_size(path: Path) -> int:
    """Bytes in all files below a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
