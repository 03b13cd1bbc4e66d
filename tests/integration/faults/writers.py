# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Writers at work while a database is backed up, and what holds in every state that they ever commit.

Each table states in `claims`, changed in the same transaction, how many rows it has and which version they all
carry; two ledgers hold balances whose sum is zero. A copy in which one of that fails shows no state that ever was.
Of each kind there is one table that is large enough for a member of its own and one that lies in the rest.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import random
import threading
import time
import typing as t
from unittest import mock

import psycopg
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    members,
    source,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import RecoveryError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postgres_fixtures import Cluster

    from .fault_fixtures import Fixture

LARGE = 900
"""Rows of a table with a member of its own, about 200 KiB."""

SMALL = 25
SMALLEST = 64 << 10
"""In place of members.SMALLEST, so that such tables are large."""

PATIENCE = 60.0
"""Seconds after which a backup counts as hanging; all its own waits together are far shorter."""

KINDS = ("appended", "refilled", "rewritten", "replaced", "renamed", "ledger_a", "ledger_b")
SIZES = {"large": LARGE, "small": SMALL}

SETUP = """
SET search_path = public;
CREATE TABLE claims (name text PRIMARY KEY, rows bigint NOT NULL, version bigint NOT NULL);
CREATE TABLE large_appended (id bigserial PRIMARY KEY, version bigint, filler text);
CREATE TABLE small_appended (id bigserial PRIMARY KEY, version bigint, filler text);
"""

ROWS = (
    "SELECT n AS id, {version}::bigint AS version, repeat(md5(n::text), 6) AS filler FROM generate_series(1, {count}) n"
)


def prepare(server: Cluster, database: str) -> None:
    """Make the tables in an empty database."""
    statements = [SETUP]
    for size, count in SIZES.items():
        rows = ROWS.format(version=1, count=count)
        statements += [
            f"INSERT INTO {size}_appended (version, filler) SELECT version, filler FROM ({rows}) AS r",
            *(
                f"CREATE TABLE {size}_{kind} AS {rows}; CREATE INDEX ON {size}_{kind} (id)"
                for kind in ("refilled", "rewritten", "replaced", "renamed")
            ),
            *(
                f"CREATE TABLE {size}_ledger_{half} AS SELECT r.*, 0::bigint AS balance FROM ({rows}) AS r"
                for half in "ab"
            ),
            *(f"ALTER TABLE {size}_ledger_{half} ADD PRIMARY KEY (id)" for half in "ab"),
            *(f"INSERT INTO claims VALUES ('{size}_{kind}', {count}, 1)" for kind in KINDS),
        ]
    server.execute(";".join(statements), database)


def breaches(server: Cluster, database: str) -> list[str]:
    """Return what holds in every committed state, and not in this database."""
    found = []
    for name, rows, version in server.execute("SELECT name, rows, version FROM public.claims ORDER BY name", database):
        query = f"SELECT count(*), min(version), max(version) FROM public.{name}"
        [(count, least, most)] = server.execute(query, database)
        same = name.endswith(("refilled", "replaced", "renamed"))
        if count != rows or (same and (least, most) != (version, version)) or most > version:
            found.append(f"{name}: {count} rows of versions {least} to {most}, claimed {rows} of {version}")
    for size in SIZES:
        halves = f"TABLE public.{size}_ledger_a UNION ALL TABLE public.{size}_ledger_b"
        [(total,)] = server.execute(f"SELECT sum(balance) FROM ({halves}) AS halves", database)
        if total != 0:
            found.append(f"the {size} ledgers sum to {total}")
    names = server.execute("SELECT count(*) FROM public.claims", database)
    return found if names == [(len(KINDS) * len(SIZES),)] else [*found, f"{names} claims"]


class Writer(threading.Thread):
    """Changes a random table at random moments until it is stopped, each change one transaction."""

    def __init__(self, server: Cluster, database: str, seed: str) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._database = database
        self._random = random.Random(seed)
        self._stop_wanted = threading.Event()
        self.failure: BaseException | None = None
        self.done: collections.Counter[str] = collections.Counter()

    def run(self) -> None:
        try:
            with contextlib.closing(self._server.connect(self._database)) as connection:
                connection.execute("SET search_path = public; SET deadlock_timeout = '50ms'")
                while not self._stop_wanted.wait(self._random.choice((0.0, 0.01, 0.05, 0.2))):
                    self._step(connection)
        except BaseException as exc:  # noqa: BLE001 - the test's thread raises it
            self.failure = exc

    def stop(self) -> None:
        self._stop_wanted.set()
        self.join(PATIENCE)
        if self.failure:
            raise self.failure

    def _step(self, connection: psycopg.Connection[t.Any]) -> None:
        size, kind = self._random.choice(list(SIZES)), self._random.choice(sorted(CHANGES))
        connection.execute(f"SET lock_timeout = '{self._random.choice((20, 100, 400))}ms'")
        # A writer that gave up or met another writer has changed nothing; it goes on like an application would.
        with contextlib.suppress(psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            with connection.transaction():
                CHANGES[kind](_Change(connection, size, kind, SIZES[size], self._random))
            self.done[kind] += 1


@dataclasses.dataclass
class _Change:
    connection: psycopg.Connection[t.Any]
    size: str
    kind: str
    count: int
    random: random.Random

    @property
    def table(self) -> str:
        return f"{self.size}_{self.kind}"

    def run(self, statement: str) -> None:
        self.connection.execute(statement)

    def claim(self, kind: str = "", rows: str = "rows") -> int:
        """Raise the version that a table claims, and hold the claim against other writers. Return the version."""
        name = f"{self.size}_{kind or self.kind}"
        row = self.connection.execute(
            f"UPDATE claims SET version = version + 1, rows = {rows} WHERE name = '{name}' RETURNING version"
        ).fetchone()
        return int(row[0]) if row else 0

    def pause(self) -> None:
        # Holding locks for a moment widens the windows that a backup can fall into.
        time.sleep(self.random.choice((0.0, 0.0, 0.01, 0.03)))


def _append(change: _Change) -> None:
    count = change.random.randrange(1, 40)
    version = change.claim(rows=f"rows + {count}")
    rows = ROWS.format(version=version, count=count)
    change.run(f"INSERT INTO {change.table} (version, filler) SELECT version, filler FROM ({rows}) AS r")
    change.pause()


def _shorten(change: _Change) -> None:
    """Forget what was appended, so that tables keep their size."""
    table = f"{change.size}_appended"
    change.claim("appended", rows=str(change.count))
    change.run(f"DELETE FROM {table} WHERE id NOT IN (SELECT id FROM {table} ORDER BY id LIMIT {change.count})")


def _refill(change: _Change) -> None:
    version = change.claim()
    change.run(f"TRUNCATE {change.table}")
    change.pause()
    change.run(f"INSERT INTO {change.table} {ROWS.format(version=version, count=change.count)}")


def _rewrite(change: _Change) -> None:
    change.claim()
    kind = change.random.choice(("bigint", "integer", "numeric"))
    change.run(f"ALTER TABLE {change.table} ALTER COLUMN id TYPE {kind}")
    change.pause()


def _replace(change: _Change) -> None:
    version = change.claim()
    change.run(f"DROP TABLE {change.table}")
    change.pause()
    change.run(f"CREATE TABLE {change.table} AS {ROWS.format(version=version, count=change.count)}")
    change.run(f"CREATE INDEX ON {change.table} (id)")


def _rename(change: _Change) -> None:
    version = change.claim()
    change.run(f"ALTER TABLE {change.table} RENAME TO {change.table}_old")
    change.run(f"CREATE TABLE {change.table} AS {ROWS.format(version=version, count=change.count)}")
    change.pause()
    change.run(f"DROP TABLE {change.table}_old")


def _transfer(change: _Change) -> None:
    amount = change.random.randrange(1, 1000)
    for half, sign in (("a", "-"), ("b", "+")):
        version = change.claim(f"ledger_{half}")
        row = change.random.randrange(1, change.count + 1)
        change.run(
            f"UPDATE {change.size}_ledger_{half} SET balance = balance {sign} {amount}, version = {version}"
            f" WHERE id = {row}"
        )
        change.pause()


CHANGES: dict[str, Callable[[_Change], None]] = {
    "appended": _append,
    "shortened": _shorten,
    "refilled": _refill,
    "rewritten": _rewrite,
    "replaced": _replace,
    "renamed": _rename,
    "transferred": _transfer,
}


@dataclasses.dataclass
class Tally:
    """How a number of backups under writers ended."""

    equal: int = 0
    again: int = 0
    refused: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    changes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    wrong: list[str] = dataclasses.field(default_factory=list)
    longest: float = 0.0

    def __str__(self) -> str:
        refused = ", ".join(f"{count} {what}" for what, count in self.refused.items()) or "none"
        return (
            f"{self.equal} backups equal their snapshots ({self.again} of them after a fresh start), refused: "
            f"{refused}; {self.changes.total()} changes beside them; the longest took {self.longest:.1f} s; "
            f"wrong: {len(self.wrong)}"
        )


def back_up_beside_writers(
    fixture: Fixture, count: int, seed: int, *, writers: int = 2, report: Callable[[str], object] = lambda _line: None
) -> Tally:
    """Back up `count` times while writers work, and restore each backup that was made."""
    tally = Tally()
    chance = random.Random(f"{seed} pauses")
    threads = [Writer(fixture.server, fixture.database, f"{seed} {index}") for index in range(writers)]
    for thread in threads:
        thread.start()
    try:
        with _small_tables_have_members(), _pauses(chance):
            for number in range(1, count + 1):
                _one(fixture, tally, chance)
                report(f"{number}/{count} beside writers: {tally}")
                failed = [thread.failure for thread in threads if thread.failure]
                if failed:
                    raise failed[0]
    finally:
        for thread in threads:
            thread.stop()
            tally.changes.update(thread.done)
    tally.wrong += breaches(fixture.server, fixture.database)
    return tally


def _one(fixture: Fixture, tally: Tally, chance: random.Random) -> None:
    began = time.monotonic()
    before = set(fixture.listed())
    try:
        request = fixture.request(lock_timeout=chance.choice((0.1, 0.3, 1.0)), max_shrink=0)
        made = backup.back_up(request, fixture.world(hurry=20)).facts["backup"]
    except RecoveryError as exc:
        tally.refused[type(exc).__name__] += 1
        if not exc.remedy or set(fixture.listed()) != before or fixture.unlisted_objects():
            tally.wrong.append(f"a refused backup left something, or said too little: {exc}")
        return
    finally:
        tally.longest = max(tally.longest, time.monotonic() - began)
    tally.again += made["attempts"] > 1
    found = fixture.find(made["backup_id"])
    roles = [member["role"] for member in found.detail()["members"]]
    if roles.count("table") < 4:
        tally.wrong.append(f"{found.manifest.backup_id} has the members {roles}")
    with fixture.restored(found.manifest.backup_id) as name:
        wrong = breaches(fixture.server, name) + fixture.differences(found.manifest.backup_id, name)
    tally.wrong += [f"{found.manifest.backup_id}: {what}" for what in wrong]
    tally.equal += not wrong


def _small_tables_have_members() -> t.ContextManager[t.Any]:
    return mock.patch.object(members, "SMALLEST", SMALLEST)


@contextlib.contextmanager
def _pauses(chance: random.Random) -> Iterator[None]:
    """Make the moments between the steps of a backup longer, so that writers fall into each of them."""

    def pause() -> None:
        time.sleep(chance.choice((0.0, 0.0, 0.01, 0.05)))

    read, command, take = source.snapshot.read_tables, source.dump.command, source.proof.take

    def slow_command(*arguments: t.Any, **named: t.Any) -> t.Any:
        pause()
        return command(*arguments, **named)

    def slow_take(*arguments: t.Any, **named: t.Any) -> t.Any:
        pause()
        return take(*arguments, **named)

    def slow_read(*arguments: t.Any, **named: t.Any) -> t.Any:
        pause()
        return read(*arguments, **named)

    with (
        mock.patch.object(source.snapshot, "read_tables", slow_read),
        mock.patch.object(source.dump, "command", slow_command),
        mock.patch.object(source.proof, "take", slow_take),
    ):
        yield
