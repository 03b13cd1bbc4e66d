# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whoever owns the database of the history attacks the role that writes it, which may be the backups' own."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import time
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import log_table
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    connect,
    execute,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.audit.log_sync import (
    SyncRequest,
    sync,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postgres_fixtures import Cluster, ClusterFactory, DatabaseFactory

OWNER, WRITER, WEAK = "history_owner", "history_backups", "history_weak"
FIRST = "backup-20261120T030000Z-0000000000000001"
AT = datetime.datetime(2026, 11, 20, 3, 0, tzinfo=datetime.UTC)
TABLE = log_table.Table("history", "backup_logs")
TRAP = """
CREATE TABLE history.loot (who name);
GRANT USAGE ON SCHEMA history TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA history TO PUBLIC;
CREATE FUNCTION history.act() RETURNS trigger LANGUAGE plpgsql AS $act$
BEGIN INSERT INTO history.loot VALUES (current_user); RETURN NEW; END $act$;
CREATE TRIGGER act BEFORE INSERT ON history.backup_logs FOR EACH ROW EXECUTE FUNCTION history.act();
"""


@dataclasses.dataclass
class Place:
    """A host whose log, of one backup, goes into a database of OWNER's."""

    pg: Cluster
    name: str
    state_dir: str

    def owner(self, *statements: str) -> None:
        with contextlib.closing(connect(self.pg.as_role(OWNER), self.name)) as session:
            for statement in statements:
                execute(session, statement)

    def sync(self, role: str, table: log_table.Table = TABLE) -> None:
        request = SyncRequest(self.state_dir, self.pg.as_role(role), self.name, table, "db1")
        sync(request, World(lambda: AT, time.sleep, os.environ, dry_run=False))


@pytest.fixture
def place(cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path) -> Iterator[Place]:
    pg = cluster()
    name = database()
    pg.execute(
        f"CREATE ROLE {OWNER} LOGIN; CREATE ROLE {WRITER} LOGIN IN ROLE pg_read_all_data; CREATE ROLE {WEAK} LOGIN;"
        f'ALTER DATABASE "{name}" OWNER TO {OWNER}'
    )
    said = {"application": "shop", "component": "main/shop", "seconds": 1.0, "message": "said", "reason": "manual"}
    audit.AuditLog(str(tmp_path)).append(audit.Event(AT, "backup", "ok", "db1", "alice", backup_id=FIRST, **said))
    yield Place(pg, name, str(tmp_path))
    pg.drop(name)
    pg.execute(f"DROP ROLE {OWNER}, {WRITER}, {WEAK}")


def trapped(place: Place) -> None:
    with contextlib.closing(connect(place.pg.as_role(OWNER), place.name)) as session:
        log_table.apply(session, log_table.missing(session, TABLE, 0))
        execute(session, TRAP)


def test_no_trigger_runs_as_the_role_of_the_backups(place: Place) -> None:
    trapped(place)
    with pytest.raises(UsageError, match=f"history belongs to '{OWNER}'.*'{WRITER}', which may read password hashes"):
        place.sync(WRITER)
    assert place.pg.execute("SELECT who FROM history.loot", place.name) == []


def test_a_schema_in_which_the_table_could_be_exchanged_is_refused_too(place: Place) -> None:
    """The owner of a schema may drop whatever anybody has in it."""
    place.owner(f"CREATE SCHEMA history; GRANT ALL ON SCHEMA history TO {WRITER}, {WEAK}")
    for table in (TABLE, log_table.Table("public", "backup_logs")):
        with pytest.raises(UsageError, match=f"schema {table.schema} belongs to '{OWNER}'"):
            place.sync(WRITER, table)


def test_a_role_that_may_do_nothing_else_writes_wherever_it_was_let(place: Place) -> None:
    trapped(place)
    place.sync(WEAK)
    assert place.pg.execute("SELECT who::text FROM history.loot", place.name) == [(WEAK,)]


def test_the_role_of_the_backups_writes_where_all_is_its_own(place: Place) -> None:
    place.owner(f'GRANT CREATE ON DATABASE "{place.name}" TO {WRITER}')
    for _again in range(2):
        place.sync(WRITER)
    assert place.pg.execute("SELECT backup_id FROM history.backup_logs", place.name) == [(FIRST,)]
