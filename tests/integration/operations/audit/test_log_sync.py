# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of all operations, in a real server: made once, filled with what it lacks, and never less than the log."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import threading
import time
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import log_table
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    quote_identifier,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome, World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.audit.log_sync import (
    SyncRequest,
    sync,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import (
    policy as retention_policy,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from postgres_fixtures import Cluster, ClusterFactory, DatabaseFactory

# In whatever language the server says it, the remedy is that of what is not allowed.
DENIED = r".*Grant it to the backup role"
START = datetime.datetime(2026, 11, 20, 3, 0, tzinfo=datetime.UTC)
FIRST, SECOND = "backup-20261120T030000Z-0000000000000001", "backup-20261121T030000Z-0000000000000002"


@dataclasses.dataclass
class Host:
    """A host with an audit log, and a way to write it into a table."""

    log: audit.AuditLog
    request: SyncRequest
    hours: int = 0

    def happens(self, operation: str, result: str = "ok", *, host: str = "db1", **values: t.Any) -> None:
        self.hours += 1
        given = {"application": "shop", "component": "main/shop", "seconds": 1.5, "message": "said", **values}
        given["facts"] = {"changed": True, "os_user": "lifeboat", **given.get("facts", {})}
        at = START + datetime.timedelta(hours=self.hours)
        self.log.append(audit.Event(at, operation, result, host, "alice", **given))

    def backup(self, identity: str, size: int = 10) -> None:
        self.happens("backup", backup_id=identity, reason="scheduled", facts={"size": size, "plain_size": 4 * size})

    def sync(self, *, dry_run: bool = False, now: datetime.datetime = START, **changes: t.Any) -> Outcome:
        world = World(lambda: now, time.sleep, os.environ, dry_run)
        if "policy" in changes:
            changes["policy"] = retention_policy.parse(changes["policy"])
        return sync(dataclasses.replace(self.request, **changes), world)


@pytest.fixture
def pg(cluster: ClusterFactory) -> Cluster:
    return cluster()


@pytest.fixture
def name(database: DatabaseFactory) -> str:
    return database()


@pytest.fixture
def host(pg: Cluster, name: str, tmp_path: Path) -> Host:
    return make_host(pg, name, tmp_path / "db1")


def make_host(pg: Cluster, name: str, directory: Path) -> Host:
    directory.mkdir()
    request = SyncRequest(str(directory), pg.login, name, log_table.Table("public", "backup_logs"), "db1")
    return Host(audit.AuditLog(str(directory)), request)


def test_the_queries_that_people_know_find_what_they_look_for(pg: Cluster, name: str, host: Host) -> None:
    host.backup(FIRST, 100)
    host.happens("backup", "failed", message="The disk is full.", facts={"error": "StoreError"})
    host.happens("backup", backup_id=FIRST, facts={"changed": False})
    host.backup(SECOND, 200)
    host.happens("validation", backup_id=SECOND, facts={"proof": "counts"})
    host.happens("retention", backup_id=FIRST, facts={"action": "deleted", "size": 100})
    host.happens("retention", facts={"deleted": 1})
    assert host.sync().facts["rows"] == 7
    listed = pg.execute(
        "SELECT backup_id, created_at, file_size, status FROM public.backup_logs"
        " WHERE status = 'completed' ORDER BY created_at DESC LIMIT 5",
        name,
    )
    assert listed == [(SECOND, START + datetime.timedelta(hours=4), 200, "completed")]
    statuses = "SELECT status, count(*) FROM public.backup_logs WHERE operation = 'backup' GROUP BY 1 ORDER BY 1"
    assert pg.execute(statuses, name) == [("completed", 1), ("deleted", 1), ("failed", 1), ("skipped", 1)]
    gone = "SELECT backup_id, deleted_at FROM public.backup_logs WHERE status = 'deleted'"
    assert pg.execute(gone, name) == [(FIRST, START + datetime.timedelta(hours=6))]
    tested = pg.execute(
        "SELECT backup_id, metadata->>'testResult' FROM public.backup_logs WHERE metadata->>'tested' = 'true'", name
    )
    assert tested == [(SECOND, "passed")]
    who = "SELECT DISTINCT requested_by, os_user, host, application, component FROM public.backup_logs"
    assert pg.execute(who, name) == [("alice", "lifeboat", "db1", "shop", "main/shop")]


def test_a_second_run_writes_nothing_and_an_outage_is_caught_up(pg: Cluster, name: str, host: Host) -> None:
    host.backup(FIRST)
    assert host.sync().changed
    again = host.sync()
    assert (again.changed, again.facts["rows"], again.facts["statements"]) == (False, 0, [])
    for number in range(3):
        host.happens("verification", facts={"files": number})
    assert host.sync().facts["rows"] == 3
    assert pg.execute("SELECT array_agg(sequence ORDER BY id) FROM public.backup_logs", name) == [([1, 2, 3, 4],)]


def test_rows_that_a_restore_took_away_come_back(pg: Cluster, name: str, host: Host) -> None:
    for number in range(4):
        host.happens("verification", facts={"files": number})
    host.sync()
    pg.execute("DELETE FROM public.backup_logs WHERE sequence > 2", name)
    done = host.sync()
    assert (done.facts["rows"], done.warnings) == (2, ())
    assert pg.execute("SELECT count(*) FROM public.backup_logs", name) == [(4,)]


def test_check_mode_says_what_it_would_do_and_does_not(pg: Cluster, name: str, host: Host) -> None:
    host.backup(FIRST)
    planned = host.sync(dry_run=True)
    assert planned.changed
    assert planned.facts["rows"] == 1
    assert 'CREATE TABLE "public"."backup_logs" (' in planned.after
    assert "-- 1 rows" in planned.after
    assert pg.execute("SELECT to_regclass('public.backup_logs')", name) == [(None,)]
    host.sync()
    host.backup(SECOND)
    planned = host.sync(dry_run=True)
    assert (planned.facts["rows"], planned.facts["statements"]) == (1, [])
    assert pg.execute("SELECT count(*) FROM public.backup_logs", name) == [(1,)]
    host.sync()
    assert not host.sync(dry_run=True).changed


def test_a_test_of_a_backup_is_told_by_its_last_word_on_the_backup_itself(pg: Cluster, name: str, host: Host) -> None:
    host.backup(FIRST)
    results = []
    passed, living = {"proof": "counts"}, {"error": "ProofMismatch", "mode": "existing"}
    for result, facts in (
        ("ok", passed),
        ("failed", {"error": "DatabaseError"}),
        ("failed", {"error": "ProofMismatch"}),
        ("ok", passed),
        ("failed", living),
        ("failed", {"error": "Tampered"}),
    ):
        host.happens("validation", result, backup_id=FIRST, facts=facts)
        host.sync()
        query = "SELECT metadata->>'testResult' FROM public.backup_logs WHERE operation = 'backup'"
        results.append(pg.execute(query, name)[0][0])
    assert results == ["passed", "passed", "failed", "passed", "passed", "failed"]


def test_a_backup_that_was_compared_with_nothing_passed_no_test(pg: Cluster, name: str, host: Host) -> None:
    host.backup(FIRST)
    host.happens("validation", backup_id=FIRST, facts={"proof": "none"})
    host.sync()
    query = "SELECT metadata->>'tested' FROM public.backup_logs WHERE operation = 'backup'"
    assert pg.execute(query, name) == [(None,)]


def test_a_backup_that_another_host_deleted_is_deleted_whichever_comes_first(
    pg: Cluster, name: str, host: Host, tmp_path: Path
) -> None:
    cleaner = make_host(pg, name, tmp_path / "cleaner")
    host.backup(FIRST)
    host.sync()
    cleaner.happens("retention", host="cleaner", backup_id=FIRST, facts={"action": "deleted"})
    cleaner.happens("retention", host="cleaner", backup_id=SECOND, facts={"action": "deleted"})
    assert cleaner.sync().facts["settled"] == 1
    host.backup(SECOND)
    assert host.sync().facts["settled"] == 1
    query = "SELECT backup_id, status FROM public.backup_logs WHERE operation = 'backup' ORDER BY 1"
    assert pg.execute(query, name) == [(FIRST, "deleted"), (SECOND, "deleted")]


def test_what_was_rewritten_on_the_host_shows_against_the_table(pg: Cluster, name: str, host: Host) -> None:
    for identity in (FIRST, SECOND):
        host.backup(identity)
    host.sync()
    path = t.cast("str", host.log.path)
    with open(path, "rb") as file:
        content = file.read().splitlines(keepends=True)
    with open(path, "wb") as file:
        file.write(content[0])
    cut = host.sync()
    assert "Entry 2, which was known before, is missing" in cut.warnings[0]
    assert cut.facts["rows"] == 0
    host.backup("backup-20261122T030000Z-0000000000000003")
    forged = host.sync()
    assert "Entry 2 is not the one known before" in forged.warnings[0]
    assert forged.facts["rows"] == 1
    os.unlink(path)
    host.backup(FIRST)
    begun_anew = host.sync()
    assert "contains 3 rows of another log of host db1" in begun_anew.warnings[0]
    assert pg.execute("SELECT count(*) FROM public.backup_logs", name) == [(4,)]
    os.unlink(path)
    removed = host.sync()
    assert "contains 4 rows of another log of host db1" in removed.warnings[0]
    assert removed.facts["problems"]


def test_a_log_that_was_cut_and_written_on_stays_doubtful_until_it_is_set_aside(
    pg: Cluster, name: str, host: Host
) -> None:
    for identity in (FIRST, SECOND):
        host.backup(identity)
    host.sync()
    path = t.cast("str", host.log.path)
    with open(path, "rb+") as file:
        file.truncate(len(file.readline()))
    for number in range(3):
        host.happens("verification", facts={"files": number})
    host.sync()
    # The table's newest row is of the second chain now, which fits; its rows of the first one remember.
    again = host.sync()
    assert not again.changed
    assert "two entries with number 2 of this log" in again.facts["problems"][0]
    pg.execute("UPDATE public.backup_logs SET host = host || ' (old)', log = 'old: ' || log WHERE host = 'db1'", name)
    host.backup(FIRST)
    assert (host.sync().facts["problems"], host.sync().changed) == ([], False)


def test_an_entry_that_the_database_could_not_hold_does_not_block_the_others(host: Host) -> None:
    host.backup(FIRST)
    forged = dataclasses.replace(next(host.log.entries()), seconds=float("nan"))
    forged = dataclasses.replace(forged, hash=audit.digest(forged))
    with open(t.cast("str", host.log.path), "a", encoding="ascii") as file:
        file.write(json.dumps(dataclasses.asdict(forged), separators=(",", ":")) + "\n")
    host.backup(SECOND)
    done = host.sync()
    assert (done.facts["rows"], done.facts["problems"]) == (
        2,
        ["Line 2 is not an entry: something else was written there."],
    )


def test_a_broken_chain_is_a_warning_and_the_rest_is_kept(host: Host) -> None:
    for identity in (FIRST, SECOND):
        host.backup(identity)
    path = t.cast("str", host.log.path)
    with open(path, encoding="utf-8") as file:
        content = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(content.replace("alice", "mallory", 1))
    done = host.sync()
    assert done.facts["rows"] == 2
    assert "Entry 1 of 2026-11-20T04:00:00.000+00:00 was changed" in done.warnings[0]


def test_the_policy_says_how_long_each_backup_stays(pg: Cluster, name: str, host: Host) -> None:
    for number in range(1, 6):
        host.backup(f"backup-20261120T0{number}0000Z-000000000000000{number}")
    host.happens("backup", backup_id="backup-of-tables", facts={"scope": "partial"})
    policy = {"keep_within": "3h", "daily": "30d", "yearly": "forever", "min_keep": 1}
    now = START + datetime.timedelta(hours=7)
    assert host.sync(policy=policy, now=now, dry_run=True).facts["rows"] == 6
    assert host.sync(policy=policy, now=now).facts["settled"] == 6
    query = (
        "SELECT right(backup_id, 1), retention_type, retention_expires_at - created_at "
        "FROM public.backup_logs ORDER BY sequence"
    )
    hours = datetime.timedelta(hours=3)
    assert pg.execute(query, name) == [
        ("1", "yearly", None),
        ("2", "none", hours),
        ("3", "none", hours),
        ("4", "keep_within", hours),
        ("5", "keep_within", hours),
        ("s", "keep_partial", datetime.timedelta(days=30)),
    ]
    soon = "SELECT count(*) FROM public.backup_logs WHERE retention_expires_at < %s AND status = 'completed'"
    assert pg.execute(soon % f"timestamptz '{now.isoformat()}' + interval '7 days'", name) == [(4,)]
    assert not host.sync(policy=policy, now=now).changed
    assert host.sync(policy={**policy, "keep_within": "1w"}, now=now, dry_run=True).facts["settled"] == 4
    assert host.sync(policy={"keep_last": 2, "min_keep": 1}, now=now).facts["settled"] == 5
    counted = pg.execute(query, name)
    assert counted[3:5] == [("4", "count", None), ("5", "count", None)]


def test_a_policy_that_cannot_be_meant_is_refused_before_connecting(host: Host) -> None:
    with pytest.raises(UsageError, match="daly"):
        host.sync(policy={"daly": 3}, database="nowhere")


HOSTILE = ('a"; DROP TABLE x; --', "100%s%", "{table}", "über table", "a\\b'c", "Camel Case", "x" * 55)


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_only_names(pg: Cluster, name: str, host: Host, text: str) -> None:
    table = log_table.Table(f"s {text}"[:63], text)
    host.happens("backup", backup_id=text, component=text, message=f"{text}\x1b[2J", facts={"target": text, "size": 1})
    host.happens("validation", backup_id=text, component=text, facts={"proof": "counts"})
    assert host.sync(table=table, dry_run=True).facts["rows"] == 2
    done = host.sync(table=table)
    assert (done.facts["rows"], done.facts["settled"]) == (2, 1)
    assert not host.sync(table=table).changed
    found = pg.execute(
        f"SELECT backup_id, message, metadata->>'target', metadata->>'testResult' FROM {table.identifier} WHERE id = 1",
        name,
    )
    assert found == [(text, f"{text}?[2J", text, "passed")]
    pg.execute(f"DROP SCHEMA {quote_identifier(table.schema)} CASCADE", name)


def test_impossible_names_are_refused_before_connecting() -> None:
    for schema, table, field in (
        ("", "t", "schema"),
        ("s", "", "table"),
        ("s", "x" * 56, "table"),
        ("s\0", "t", "schema"),
    ):
        with pytest.raises(UsageError) as caught:
            log_table.Table(schema, table)
        assert caught.value.details["field"] == field


def test_a_table_of_somebody_else_is_left_alone(pg: Cluster, name: str, host: Host) -> None:
    pg.execute("CREATE TABLE public.backup_logs (id integer)", name)
    host.backup(FIRST)
    with pytest.raises(DatabaseError, match="this module did not create it"):
        host.sync()
    columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'backup_logs'"
    assert pg.execute(columns, name) == [(1,)]


@pytest.mark.parametrize("columns", ["version text", "version integer", ""])
def test_a_table_of_versions_of_somebody_else_is_left_alone(pg: Cluster, name: str, host: Host, columns: str) -> None:
    pg.execute(f"CREATE TABLE public.backup_logs_version ({columns})", name)
    with pytest.raises(DatabaseError, match=r"backup_logs_version.* this module did not create it"):
        host.sync()


def test_a_table_that_was_dropped_alone_says_what_to_drop_beside_it(pg: Cluster, name: str, host: Host) -> None:
    host.backup(FIRST)
    host.sync()
    pg.execute("DROP TABLE public.backup_logs", name)
    with pytest.raises(DatabaseError, match=r'Drop "public"."backup_logs_version" and run again'):
        host.sync()
    pg.execute("DROP TABLE public.backup_logs_version", name)
    assert host.sync().facts["rows"] == 1


def test_a_later_version_is_reached_in_one_step_or_not_at_all(
    pg: Cluster, name: str, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.backup(FIRST)
    host.sync()
    known = log_table.MIGRATIONS
    broken = (*known, ("ALTER TABLE {table} ADD COLUMN site text", "ALTER TABLE {table} ADD COLUMN site text"))
    monkeypatch.setattr(log_table, "MIGRATIONS", broken)
    with pytest.raises(DatabaseError, match="already exists"):
        host.sync()
    column = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'backup_logs' AND column_name = 'site'"
    assert pg.execute(column, name) == [(0,)]
    monkeypatch.setattr(log_table, "MIGRATIONS", (*known, ("ALTER TABLE {table} ADD COLUMN site text",)))
    moved = host.sync()
    assert len(moved.facts["statements"]) == 2
    assert pg.execute(column, name) == [(1,)]
    assert not host.sync().changed
    assert pg.execute("SELECT array_agg(version ORDER BY version) FROM public.backup_logs_version", name) == [([1, 2],)]
    monkeypatch.setattr(log_table, "MIGRATIONS", known)
    with pytest.raises(DatabaseError, match="has version 2, and this release supports up to 1"):
        host.sync()


def test_the_role_that_writes_needs_little(pg: Cluster, name: str, host: Host) -> None:
    role = f"writer_{name}"
    writer = pg.as_role(role)
    host.backup(FIRST)
    pg.execute(f"CREATE ROLE {role} LOGIN")
    try:
        with pytest.raises(DatabaseError, match=f"(?i)schema public{DENIED}"):
            host.sync(login=writer)
        host.sync()
        host.backup(SECOND)
        with pytest.raises(DatabaseError, match=DENIED):
            host.sync(login=writer, create=False)
        pg.execute(
            f"GRANT SELECT ON public.backup_logs_version TO {role};"
            f"GRANT SELECT, INSERT ON public.backup_logs TO {role};"
            "GRANT UPDATE (status, deleted_at, metadata, retention_type, retention_expires_at)"
            f" ON public.backup_logs TO {role}",
            name,
        )
        host.happens("validation", backup_id=SECOND, facts={"proof": "counts"})
        done = host.sync(login=writer, create=False, policy={"keep_within": "30d"})
        assert (done.facts["rows"], done.facts["settled"]) == (2, 3)
        with pytest.raises(DatabaseError, match=DENIED):
            host.sync(login=writer, table=log_table.Table("lifeboat", "backup_logs"))
        pg.execute(f"CREATE SCHEMA lifeboat AUTHORIZATION {role}", name)
        assert host.sync(login=writer, table=log_table.Table("lifeboat", "backup_logs")).facts["rows"] == 3
    finally:
        pg.execute(f"DROP OWNED BY {role}", name)
        pg.execute(f"DROP ROLE {role}")


def test_without_create_a_missing_table_is_an_error(pg: Cluster, name: str, host: Host) -> None:
    host.backup(FIRST)
    with pytest.raises(DatabaseError, match="does not exist in version 1"):
        host.sync(create=False)
    assert pg.execute("SELECT to_regclass('public.backup_logs')", name) == [(None,)]


def test_hosts_that_write_at_once_all_arrive(pg: Cluster, name: str, tmp_path: Path) -> None:
    hosts = [make_host(pg, name, tmp_path / f"host{number}") for number in range(4)]
    failures: list[BaseException] = []

    def write(host: Host) -> None:
        try:
            host.sync()
        except BaseException as exc:  # noqa: BLE001 - told below
            failures.append(exc)

    for number, host in enumerate(hosts):
        for _entry in range(20):
            host.happens("verification", host=f"host{number}")
    threads = [threading.Thread(target=write, args=(host,)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    query = "SELECT host, count(*) FROM public.backup_logs GROUP BY 1 ORDER BY 1"
    assert pg.execute(query, name) == [(f"host{number}", 20) for number in range(4)]


def test_only_one_applications_entries_when_one_is_named(pg: Cluster, name: str, host: Host) -> None:
    host.backup(FIRST)
    host.happens("backup", application="other")
    host.happens("key", application="", component="")
    assert host.sync(application="shop").facts["rows"] == 2
    assert not host.sync(application="shop").changed
    query = "SELECT array_agg(application ORDER BY sequence) FROM public.backup_logs"
    assert pg.execute(query, name) == [(["shop", ""],)]


def test_a_database_in_another_encoding_spells_out_what_it_cannot_hold(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path
) -> None:
    name = database(encoding="LATIN1")
    host = make_host(cluster("LATIN1"), name, tmp_path / "latin")
    host.happens("backup", component="main/магазин")
    assert host.sync().facts["rows"] == 1
    found = cluster("LATIN1").execute("SELECT component FROM public.backup_logs", name)
    assert found == [("main/\\u043c\\u0430\\u0433\\u0430\\u0437\\u0438\\u043d",)]


def test_an_empty_or_missing_log_makes_an_empty_table(pg: Cluster, name: str, host: Host) -> None:
    done = host.sync(state_dir="/nowhere")
    assert (done.changed, done.facts["rows"], done.warnings) == (True, 0, ())
    assert not host.sync(state_dir="/nowhere").changed


def test_many_entries_arrive_in_batches(pg: Cluster, name: str, host: Host) -> None:
    events = [audit.Event(START, "verification", "ok", "db1", "alice") for _number in range(2 * log_table.BATCH + 1)]
    host.log.extend(events)
    assert host.sync().facts["rows"] == len(events)
