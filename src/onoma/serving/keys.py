"""API keys: shown once, kept as hashes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from onoma.errors import DataError
from onoma.files import read_table, write_text

Role = Literal["user", "admin"]
_PREFIX = "onoma-"


@dataclass(frozen=True)
class Key:
    """Who a key belongs to, and what it allows.

    Args:
        name: of its holder.
        role: ``admin`` may load and unload adapters.
        digest: SHA-256 of the key, in hex. Keys are random, so nothing slower is needed.
    """

    name: str
    role: Role
    digest: str


class Keys:
    """The keys of a service.

    Args:
        keys: all of them.
    """

    def __init__(self, keys: Mapping[str, Key]) -> None:
        self._keys = tuple(keys.values())

    @classmethod
    def read(cls, path: Path) -> Keys:
        """Read a file that :func:`new_key` wrote.

        Raises:
            DataError: if it is missing or not whole.
        """
        return cls(_read(path))

    def find(self, key: str) -> Key | None:
        """The entry of a key, or None; the time that it takes does not depend on how much of a key is right."""
        digest = _digest(key)
        found = None
        for known in self._keys:
            if hmac.compare_digest(known.digest, digest):
                found = known
        return found


def new_key(path: Path, name: str, role: Role = "user") -> str:
    """Make a key, put its hash into a file, and return it; it cannot be read from the file again.

    Args:
        path: the file, made if it is missing; only its owner may read it.
        name: of the holder; an older key of that name ends.
        role: what it allows.
    """
    import yaml

    keys = _read(path) if path.exists() else {}
    key = _PREFIX + secrets.token_urlsafe(32)
    keys[name] = Key(name, role, _digest(key))
    content = {one.name: {"role": one.role, "sha256": one.digest} for one in keys.values()}
    write_text(path, yaml.safe_dump(content, sort_keys=True))
    path.chmod(0o600)
    return key


def _read(path: Path) -> dict[str, Key]:
    keys = {}
    for name, entry in read_table(path, "key file", DataError).items():
        try:
            role, digest = entry["role"], str(entry["sha256"])
        except (KeyError, TypeError) as error:
            raise DataError(f"the key {name!r} has no role or no sha256", where=str(path)) from error
        if role not in ("user", "admin"):
            raise DataError(f"the key {name!r} has the role {role!r}", where=str(path), mend="It is user or admin.")
        keys[str(name)] = Key(str(name), role, digest)
    return keys


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
