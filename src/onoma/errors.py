"""Errors for people: what is wrong, where, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class OnomaError(Exception):
    """Something a user can mend. The message is one or two plain sentences.

    Args:
        what: what is wrong.
        where: file and line, row, field or key; put in front of the message.
        mend: what to do about it; put behind the message.

    Examples:
        >>> str(OnomaError("unknown tag 'X-PER'", where="a.conll:3", mend="Use B- or I-."))
        "a.conll:3: unknown tag 'X-PER'. Use B- or I-."
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        self.what, self.where, self.mend = what, where, mend
        message = f"{where}: {what}" if where else what
        super().__init__(f"{message.rstrip('.')}. {mend}" if mend else message)

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors come back from other processes; their constructors do not take what `args` holds.
        return _remade, (type(self), self.args, self.__dict__)


def _remade(kind: type[OnomaError], args: tuple[Any, ...], fields: dict[str, Any]) -> OnomaError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(fields)
    return error


class DataError(OnomaError):
    """A corpus, or one row of it, cannot be read or written."""

    exit_code = 3


class RecipeError(OnomaError):
    """A recipe, or an override of one, is not valid."""

    exit_code = 4


class ModelError(OnomaError):
    """A base, adapter or run cannot be found, read or used together."""

    exit_code = 5


class InterruptedRunError(OnomaError):
    """The user pressed Ctrl-C."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("interrupted", mend="What was finished is kept; the same command goes on from there.")


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known word was probably meant: ``"Did you mean 'stages'?"``, or list them all.

    Examples:
        >>> nearest("stagse", ["stages", "base"])
        "Did you mean 'stages'?"
    """
    options = sorted(known)
    close = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {', '.join(options)}." if options else ""
