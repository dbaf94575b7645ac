"""The durable record of paid labelling: what was asked, what came back, what it cost. One SQLite file.

A request is known by a hash of everything that decides its answer (model, messages, parameters), so a question that was
answered once is never paid again, by whatever command and however long after. Every answer is committed when it comes;
``kill -9`` at any moment loses none.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from onoma.errors import DataError
from onoma.extractors.answers import Answer

State = Literal["waiting", "sent", "answered", "failed"]
STATES: tuple[State, ...] = ("waiting", "sent", "answered", "failed")

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS request (
    key BLOB PRIMARY KEY,
    item TEXT NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    batch TEXT,
    answer TEXT,
    error TEXT,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cost REAL NOT NULL DEFAULT 0,
    updated REAL NOT NULL
) WITHOUT ROWID;
-- What is answered is most of a journal and is looked up by key alone.
CREATE INDEX IF NOT EXISTS unfinished ON request (state, batch) WHERE state != 'answered';
"""
_ROWS_AT_A_TIME = 10_000


@dataclass(frozen=True)
class Entry:
    """A row of the journal.

    Args:
        key: of the request, see :func:`onoma.extractors.answers.request_key`.
        item: what was asked about, such as a document's id.
        state: ``waiting`` to be asked, ``sent`` in a batch, ``answered``, or ``failed`` for good.
        tries: how often it failed.
        batch: id of the batch that it was sent in.
        answer: what came back.
        error: why it failed last, ``KIND: message``.
        updated: seconds since 1970.
    """

    key: bytes
    item: str
    state: State
    tries: int
    batch: str | None
    answer: Answer | None
    error: str | None
    updated: float


class Journal:
    """A journal file; safe to use from several threads, and from several processes one after the other or at once.

    Args:
        path: made if it is not there.

    Raises:
        DataError: if the file is no journal, or of a newer Onoma.

    Examples:
        >>> with Journal(Path("journal.sqlite")) as journal:  # doctest: +SKIP
        ...     journal.record(request_key(body), "document 7", Answer("[]"))
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.RLock()
        try:
            self._database = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            # A commit in WAL mode is in the file when it returns, so a killed process loses nothing; waiting for the
            # disk each time would guard against a power cut alone, and be a hundred times slower.
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise DataError("this journal is of a newer Onoma", where=str(path), mend="Upgrade onoma.")
            self._database.executescript(_SCHEMA)
            self._database.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"not a journal ({error})", where=str(path), mend="Name another file, or restore this one from a copy."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def answer(self, key: bytes) -> Answer | None:
        """The answer to a request, if it was ever given."""
        with self._lock:
            row = self._database.execute(
                "SELECT answer, input_tokens, output_tokens, cost FROM request WHERE key = ? AND state = 'answered'",
                (key,),
            ).fetchone()
        return Answer(*row) if row else None

    def await_answers(self, requests: Iterable[tuple[bytes, str]]) -> int:
        """Note requests that are to be asked; those that are known stay as they are, and failed ones wait again.

        Args:
            requests: key and item of each.

        Returns:
            How many of them are new.
        """
        now = time.time()
        rows = [(key, item, now) for key, item in requests]
        with self._transaction() as database:
            before = database.total_changes
            database.executemany(
                "INSERT OR IGNORE INTO request (key, item, state, updated) VALUES (?, ?, 'waiting', ?)", rows
            )
            new = database.total_changes - before
            database.executemany(
                "UPDATE request SET state = 'waiting', tries = 0 WHERE key = ? AND state = 'failed'",
                [(key,) for key, _, _ in rows],
            )
        return new

    def record(self, key: bytes, item: str, answer: Answer) -> bool:
        """Keep an answer. The first one counts: a second answer to the same request changes nothing.

        Returns:
            Whether it is the first.
        """
        with self._lock:
            done = self._database.execute(
                "INSERT INTO request (key, item, state, answer, input_tokens, output_tokens, cost, updated) "
                "VALUES (?, ?, 'answered', ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET state = 'answered', "
                "answer = excluded.answer, input_tokens = excluded.input_tokens, error = NULL, "
                "output_tokens = excluded.output_tokens, cost = excluded.cost, updated = excluded.updated "
                "WHERE state != 'answered'",
                (key, item, answer.text, answer.input_tokens, answer.output_tokens, answer.cost, time.time()),
            )
            return done.rowcount == 1

    def fail(self, key: bytes, kind: str, message: str, *, most_tries: int) -> State:
        """Note a failed try; the request waits for another, or fails for good after ``most_tries``.

        Returns:
            The state that it has now.
        """
        with self._lock:
            row = self._database.execute(
                "UPDATE request SET tries = tries + 1, batch = NULL, error = ?, updated = ?, "
                "state = CASE WHEN tries + 1 >= ? THEN 'failed' ELSE 'waiting' END "
                "WHERE key = ? AND state != 'answered' RETURNING state",
                (f"{kind}: {message[:500]}", time.time(), most_tries, key),
            ).fetchone()
        return row[0] if row else "answered"

    def mark_sent(self, keys: Iterable[bytes], batch: str) -> None:
        """Note that waiting requests went out in a batch."""
        now = time.time()
        with self._transaction() as database:
            database.executemany(
                "UPDATE request SET state = 'sent', batch = ?, updated = ? WHERE key = ? AND state = 'waiting'",
                [(batch, now, key) for key in keys],
            )

    def rename_batch(self, old: str, new: str) -> None:
        """Give a batch its final name."""
        with self._lock:
            self._database.execute("UPDATE request SET batch = ? WHERE state = 'sent' AND batch = ?", (new, old))

    def take_back(self, batch: str) -> int:
        """Let the unanswered requests of a batch wait again, without a try being counted.

        Returns:
            How many there were.
        """
        with self._lock:
            done = self._database.execute(
                "UPDATE request SET state = 'waiting', batch = NULL WHERE state = 'sent' AND batch = ?", (batch,)
            )
            return done.rowcount

    def keys_in(self, state: State, batch: str | None = None) -> list[bytes]:
        """Keys of the requests in a state, and of one batch if that is given."""
        query = "SELECT key FROM request WHERE state = ?" + (" AND batch = ?" if batch else "")
        with self._lock:
            return [row[0] for row in self._database.execute(query, (state, batch) if batch else (state,))]

    def batches(self) -> list[str]:
        """Ids of the batches that are out."""
        with self._lock:
            found = self._database.execute("SELECT DISTINCT batch FROM request WHERE state = 'sent' ORDER BY batch")
            return [row[0] for row in found]

    def counts(self) -> dict[State, int]:
        """Number of requests in each state."""
        with self._lock:
            found = dict(self._database.execute("SELECT state, count(*) FROM request GROUP BY state").fetchall())
        return {state: found.get(state, 0) for state in STATES}

    def spent(self) -> Answer:
        """Tokens and cost of all answers, as one."""
        with self._lock:
            row = self._database.execute(
                "SELECT coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), coalesce(sum(cost), 0.0) "
                "FROM request WHERE state = 'answered'"
            ).fetchone()
        return Answer("", *row)

    def failures(self) -> dict[str, int]:
        """Number of unanswered requests by the kind of their last error, the most frequent first."""
        with self._lock:
            found = self._database.execute(
                "SELECT substr(error, 1, instr(error, ':') - 1), count(*) FROM request "
                "WHERE error IS NOT NULL AND state != 'answered' GROUP BY 1 ORDER BY 2 DESC, 1"
            )
            return dict(found.fetchall())

    def entries(self, state: State | None = None) -> Iterator[Entry]:
        """All rows by key, or those in a state; memory stays flat, and others may write meanwhile."""
        last = b""
        where = "key > ?" + (" AND state = ?" if state else "")
        while True:
            with self._lock:
                rows = self._database.execute(
                    "SELECT key, item, state, tries, batch, answer, input_tokens, output_tokens, cost, error, updated "
                    f"FROM request WHERE {where} ORDER BY key LIMIT {_ROWS_AT_A_TIME}",
                    (last, state) if state else (last,),
                ).fetchall()
            for key, item, found, tries, batch, text, given, made, cost, error, updated in rows:
                answer = Answer(text, given, made, cost) if found == "answered" else None
                yield Entry(key, item, found, tries, batch, answer, error, updated)
            if len(rows) < _ROWS_AT_A_TIME:
                return
            last = rows[-1][0]

    def compact(self) -> int:
        """Give space back to the disk; returns how many bytes."""
        before = self._path.stat().st_size
        with self._lock:
            self._database.execute("VACUUM")
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return max(0, before - self._path.stat().st_size)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
