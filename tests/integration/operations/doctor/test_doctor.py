# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every check of the doctor is seen to pass where things are in order, and to fail where they really are not."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine import cli
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    server,
    staging_database,
    staging_records,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    quote_identifier,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keyfile, trust
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import (
    OpeningKey,
    RecoveryKey,
    Signer,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import StoreSettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.s3 import clock
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Unhealthy, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor import doctor
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor.doctor import (
    ExamineRequest,
    Limits,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import trusted_keys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)
from faults import fault_fixtures

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postgres_fixtures import ClusterFactory, DatabaseFactory
    from s3_fixtures import S3

NOW = datetime.datetime.now(datetime.UTC)
NOBODY = 2**22 + 1
"""The number of no process: the kernel gives none so large."""

RIGHTS = """
CREATE ROLE {0} LOGIN BYPASSRLS; GRANT pg_read_all_data, pg_read_all_settings TO {0};
GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules(), pg_catalog.pg_show_all_file_settings() TO {0};
GRANT SELECT ON pg_catalog.pg_hba_file_rules, pg_catalog.pg_file_settings TO {0}
"""

SQL = "CREATE TABLE public.notes AS SELECT i AS id, repeat('x', 50) AS body FROM generate_series(1, 500) i"


@pytest.fixture
def place(cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path) -> fault_fixtures.Fixture:
    made = fault_fixtures.make(cluster(), database(sql=SQL), tmp_path)
    (tmp_path / "config" / "keys").mkdir(parents=True, mode=0o700)
    return made


@pytest.fixture
def reader(place: fault_fixtures.Fixture) -> Iterator[str]:
    """Yield a role with the rights that role `host` gives."""
    name = f"reader_{secrets.token_hex(4)}"
    place.server.execute(RIGHTS.format(name))
    yield name
    place.server.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def request(place: fault_fixtures.Fixture, role: str = "postgres", **values: t.Any) -> ExamineRequest:
    return ExamineRequest(
        repository=values.pop("repository", place.settings),
        cluster=fault_fixtures.CLUSTER,
        login=values.pop("login", place.server.as_role(role)),
        databases=values.pop("databases", (place.database,)),
        config_dir=str(place.home / "config"),
        fail_on=values.pop("fail_on", "never"),
        **values,
    )


def examine(
    place: fault_fixtures.Fixture, asked: ExamineRequest | None = None, now: datetime.datetime | None = None
) -> t.Any:
    """Return the checks, as lists by name."""
    world = place.world() if now is None else World(lambda: now, lambda _seconds: None, place.environ)
    facts = doctor.examine(asked or request(place), world).facts
    found: dict[str, list[t.Any]] = {}
    for check in facts["checks"]:
        found.setdefault(check["name"], []).append(check)
        assert check["cause"].endswith(".")
        assert bool(check["remedy"]) or check["result"] == "ok", check
    return found


def results(found: t.Any, name: str) -> set[str]:
    return {check["result"] for check in found.get(name, ())}


def causes(found: t.Any, name: str) -> str:
    return " ".join(check["cause"] for check in found.get(name, ()))


def note(place: fault_fixtures.Fixture, operation: str, result: str, *, ago: float = 60, **values: t.Any) -> None:
    event = audit.Event(
        time=datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=ago),
        operation=operation,
        result=result,
        host="db1",
        user="root",
        application=fault_fixtures.APPLICATION,
        component=values.pop("component", place.component),
        **values,
    )
    audit.AuditLog(str(place.home / "state")).append(event)


def test_a_host_in_order_passes_every_check_and_changes_nothing_but_what_it_remembers(
    place: fault_fixtures.Fixture, reader: str
) -> None:
    made = place.back_up()
    note(place, "backup", "ok", backup_id=made)
    note(place, "validation", "ok", backup_id=made, facts={"proof": "counts"})
    schedule(place, since=NOW - datetime.timedelta(days=9))
    before = sorted(path for path in place.home.rglob("*"))
    found = examine(place, request(place, reader, scratch_dir=str(place.home / "tmp")))
    # Whether the machine's own programs are patched, and how full its disk is, is not for this test to say. A recovery
    # kit is what no host can write.
    unsure = {"kit", "programs", "store_space", "scratch_space"}
    assert {name for name in found if results(found, name) != {"ok"}} <= unsure
    assert set(found) >= {
        *("configuration", "libraries", "key_files", "state", "connection", "rights", "programs", "leftovers", "store"),
        *("trust", "signer", "recipients", "backup_age", "restore_tested_age", "anomalies", "last_runs", "audit_log"),
        *("schedule", "store_space", "scratch_space", "server_record"),
    }
    after = sorted(path for path in place.home.rglob("*"))
    assert [path for path in after if path not in before] == [place.home / "state" / "databases.jsonl"]
    assert [path for path in before if path not in after] == []


def test_settings_that_make_no_sense(place: fault_fixtures.Fixture) -> None:
    wrong = dataclasses.replace(place.settings, application="No Name")
    assert results(examine(place, request(place, repository=wrong)), "configuration") == {"failed"}


def test_a_server_that_does_not_answer_and_a_superuser(place: fault_fixtures.Fixture) -> None:
    nobody = dataclasses.replace(place.server.login, unix_socket=str(place.home))
    assert results(examine(place, request(place, login=nobody)), "connection") == {"failed"}
    assert "a superuser" in causes(examine(place), "connection")


def test_databases_that_cannot_be_entered_read_or_found(place: fault_fixtures.Fixture, reader: str) -> None:
    assert results(examine(place, request(place, reader, databases=("nothing*",))), "databases") == {"failed"}
    place.server.execute(
        "CREATE ROLE owner_of_rows; ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY", place.database
    )
    place.server.execute(f"ALTER ROLE {reader} NOBYPASSRLS; REVOKE pg_read_all_data FROM {reader}")
    try:
        rights = examine(place, request(place, reader))["rights"]
        assert {check["facts"].get("code") for check in rights} >= {"unreadable_tables", "row_security"}
        place.server.execute(f"REVOKE CONNECT ON DATABASE {quote_identifier(place.database)} FROM PUBLIC")
        found = examine(place, request(place, reader))
        assert results(found, "rights") == {"failed"}
        assert found["rights"][0]["facts"]["database"] == place.database
    finally:
        place.server.execute("DROP ROLE owner_of_rows")


def test_programs_that_are_missing_older_or_without_security_fixes(
    place: fault_fixtures.Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = place.home / "old"
    folder.mkdir()
    monkeypatch.setattr(
        "ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.server._DIRECTORIES",
        (str(folder / "nowhere{major}"),),
    )
    asked = request(place)

    def with_program(version: str) -> t.Any:
        program = folder / "pg_dump"
        program.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n")
        program.chmod(0o755)
        world = dataclasses.replace(place.world(), environ={**place.environ, "PATH": str(folder)})
        return next(check for check in doctor.make_checks(asked, world) if check.name == "programs")

    major = place.server.execute("SHOW server_version_num")[0][0][:2]
    older = with_program(f"{int(major) - 1}.99")
    assert (older.result, str(int(major) - 1) in older.cause) == ("failed", True)
    attacked = with_program(f"{major}.1")
    assert (attacked.result, attacked.facts["code"]) == ("warning", "outdated_programs")
    assert f"pg_dump {major}.1 lacks security fixes of {major}." in attacked.cause
    assert f"PostgreSQL client package to {major}." in attacked.remedy
    assert with_program(f"{major}.99").result == "ok"


def running(place: fault_fixtures.Fixture, pid: int) -> None:
    """Leave the status of a backup that has not ended."""
    run = {"format": "lifeboat-status/1", "operation": "backup", "subject": "main/shop", "phase": "dump", "members": []}
    run |= {"started": NOW.isoformat(), "updated": NOW.isoformat(), "pid": pid}
    run |= {"done": 0, "expected": 0, "result": None}
    (place.home / "state" / "status").mkdir(exist_ok=True)
    (place.home / "state" / "status" / "x.json").write_text(json.dumps(run))


def test_what_interrupted_restores_and_runs_left(place: fault_fixtures.Fixture) -> None:
    name = staging_database.temporary_name("shop", secrets.token_hex(4))
    place.server.create(name)
    try:
        assert f"{name} looks like a staging database" in causes(examine(place), "leftovers")
        with staging_database.manage(place.server.login) as session:
            number = server.system_identifier(session.connection)
            oid = staging_database.exists(session, name)
        mark = staging_database.mark_of("backup-x", "shop", "", "test", "0123")
        staging_records.StagingRecords(str(place.home / "state")).add(
            staging_records.StagingRecord(number, oid, name, "shop", "postgres", mark)
        )
        place.server.execute(f"COMMENT ON DATABASE {quote_identifier(name)} IS '{mark}'")
        assert f"left the staging database {name}" in causes(examine(place), "leftovers")
        with staging_database.manage(place.server.login) as session:
            assert session.lock(name)
            assert name not in causes(examine(place), "leftovers")  # a restore that runs
    finally:
        place.server.drop(name)
    loan = place.home / "config" / "loans" / "0123456789abcdef.loan"
    loan.parent.mkdir()
    loan.write_text("{}")
    running(place, NOBODY)
    found = examine(place)
    assert results(found, "leftovers") == {"ok", "warning", "failed"}
    assert loan.name in causes(found, "leftovers")
    assert "was interrupted" in causes(found, "leftovers")


def test_key_files_that_others_can_use_or_exchange(place: fault_fixtures.Fixture) -> None:
    assert results(examine(place), "key_files") == {"ok"}
    place.home.chmod(0o777)
    assert "replace the files" in causes(examine(place), "key_files")
    place.home.chmod(0o755)
    (place.home / "key").chmod(0o644)
    found = examine(place)
    assert "mode 0644" in causes(found, "key_files")
    assert results(found, "store") == {"failed"}  # what is refused there is not opened here
    (place.home / "key").unlink()
    assert "cannot be checked" in causes(examine(place), "key_files")


def test_a_state_directory_that_is_missing(place: fault_fixtures.Fixture) -> None:
    elsewhere = dataclasses.replace(place.settings, state_dir=str(place.home / "nowhere"))
    assert results(examine(place, request(place, repository=elsewhere)), "state") == {"failed"}


def test_a_store_that_is_not_there_and_room_that_does_not_suffice(
    place: fault_fixtures.Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.back_up()

    class Full(t.NamedTuple):
        total: int
        used: int
        free: int

    for free, result in ((1000, "failed"), (50 << 20, "warning"), (900 << 20, "ok")):
        usage = Full(1 << 30, (1 << 30) - free, free)
        monkeypatch.setattr("shutil.disk_usage", lambda _path, usage=usage: usage)
        found = examine(place, request(place, scratch_dir=str(place.home / "scratch" / "below")))
        assert results(found, "store_space") == {result}, found["store_space"]
        assert results(found, "scratch_space") == {"warning" if free == 1000 else "ok"}
        assert results(found, "state") == {"failed" if free == 1000 else "ok"}
    monkeypatch.undo()
    gone = dataclasses.replace(place.settings, store=StoreSettings(f"file://{place.home}/nowhere"))
    assert results(examine(place, request(place, repository=gone)), "store") == {"failed"}


def test_ages_of_backups(place: fault_fixtures.Fixture) -> None:
    found = examine(place)
    assert "has no backup" in causes(found, "backup_age")
    made = place.back_up()
    assert results(examine(place), "backup_age") == {"ok"}
    assert results(examine(place), "restore_tested_age") == {"warning"}
    note(place, "validation", "ok", backup_id=made, facts={"proof": "none"})
    assert results(examine(place), "restore_tested_age") == {"warning"}
    note(place, "validation", "ok", backup_id=made, facts={"proof": "counts"})
    assert results(examine(place), "restore_tested_age") == {"ok"}
    later = examine(place, now=NOW + datetime.timedelta(days=3))
    assert results(later, "backup_age") == {"failed"}
    assert results(later, "restore_tested_age") == {"warning"}
    generous = request(place, limits=Limits(backup_age=7 * 86400, restore_tested_age=0))
    later = examine(place, generous, NOW + datetime.timedelta(days=3))
    assert results(later, "backup_age") == {"ok"}
    assert "restore_tested_age" not in later


def test_what_the_audit_log_says(place: fault_fixtures.Fixture) -> None:
    for result in ("ok", "failed", "ok", "failed", "ok", "failed"):
        note(place, "backup", result, message="the disk is full")
    found = examine(place)
    assert results(found, "last_runs") == {"failed"}
    assert "the disk is full" in causes(found, "last_runs")
    assert found["success_rate"][0]["facts"]["percent"] == 50
    assert results(found, "audit_log") == {"ok"}
    log = place.home / "state" / "audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"failed"', b'"ok"', 1))
    assert results(examine(place), "audit_log") == {"failed"}


def test_what_says_nothing_about_tonight_is_not_held_against_the_host(place: fault_fixtures.Fixture) -> None:
    note(place, "backup", "ok")
    note(place, "backup", "failed", component="main/dropped")
    note(place, "restore", "refused")
    note(place, "restore", "failed", component="main/once", ago=9 * 86400)
    assert results(examine(place), "last_runs") == {"ok"}
    assert results(examine(place, request(place, only=("last_runs",))), "last_runs") == {"ok"}
    note(place, "restore", "failed", component="main/lately")
    found = examine(place)
    assert results(found, "last_runs") == {"warning"}
    assert "main/lately failed" in causes(found, "last_runs")
    note(place, "backup", "refused")
    assert f"{place.component} was refused" in causes(examine(place), "last_runs")


def schedule(
    place: fault_fixtures.Fixture, *, since: datetime.datetime, cron: str = "0 * * * *", kind: str = "backup"
) -> None:
    job = {"name": "hourly", "job": kind, "cron": cron, "user": "root", "variables": {}}
    places = {"home": "/opt", "state_dir": str(place.home / "state"), "log_dir": "/var/log/lifeboat", "wait": 0}
    document = {
        "format": "lifeboat-schedule/1",
        "scheduler": "cron",
        "zone": "",
        "catch_up": False,
        "places": places,
        "jobs": [job],
    }
    path = place.home / "config" / "schedule.json"
    path.write_text(json.dumps(document))
    os.utime(path, (since.timestamp(), since.timestamp()))


def test_a_schedule_that_is_kept_and_one_that_is_not(place: fault_fixtures.Fixture) -> None:
    day = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    schedule(place, since=NOW - datetime.timedelta(days=9), cron=f"0 0 {day.day} {day.month} *")
    later = day + datetime.timedelta(days=2)
    assert results(examine(place, now=later), "schedule") == {"failed"}
    assert results(examine(place, now=day + datetime.timedelta(minutes=30)), "schedule") == {"ok"}  # it may still run
    schedule(place, since=day + datetime.timedelta(hours=1), cron=f"0 0 {day.day} {day.month} *")
    assert results(examine(place, now=later), "schedule") == {"ok"}  # it was due before the schedule was made
    schedule(place, since=NOW - datetime.timedelta(days=9), cron=f"0 0 {day.day} {day.month} *")
    running(place, os.getpid())
    assert results(examine(place, now=later), "schedule") == {"ok"}  # it runs
    running(place, NOBODY)
    assert results(examine(place, now=later), "schedule") == {"failed"}  # it was killed
    note(place, "backup", "failed", ago=0)
    found = examine(place, now=later)
    assert results(found, "schedule") == {"ok"}  # it ran: how it ended is another check
    schedule(place, since=NOW - datetime.timedelta(days=9), kind="doctor")
    assert results(examine(place, now=later), "schedule") == {"ok"}  # it leaves no entry by which to judge
    assert found["schedule"][0]["facts"]["upcoming"]["hourly"].startswith(str(day.year + 1))
    (place.home / "config" / "schedule.json").write_text("{}")
    assert results(examine(place), "schedule") == {"failed"}


def test_a_suspicious_backup_and_what_was_removed_from_the_store(place: fault_fixtures.Fixture) -> None:
    made = [place.back_up(max_shrink=0, proof="counts") for _run in range(5)]
    place.server.execute("DELETE FROM public.notes WHERE id > 100", place.database)
    place.back_up(max_shrink=0, proof="counts")
    found = examine(place)
    assert results(found, "anomalies") == {"warning"}
    assert found["anomalies"][0]["facts"]["clean"] == made[-1]
    assert "catalogue" not in found
    for path in (place.home / "store").rglob(f"{made[0]}.json"):
        path.unlink()
    assert made[0] in causes(examine(place), "catalogue")


def test_a_single_check_and_when_to_fail(place: fault_fixtures.Fixture) -> None:
    for name in doctor.NAMES:
        only = doctor.examine(request(place, only=(name,)), place.world()).facts
        assert {check["name"] for check in only["checks"]} <= {name}
    only = doctor.examine(request(place, only=("backup_age",)), place.world()).facts
    assert {check["name"] for check in only["checks"]} == {"backup_age"}
    with pytest.raises(Unhealthy) as caught:
        doctor.examine(request(place, fail_on="failed"), place.world())
    assert caught.value.details["health"] == "failed"
    assert "has no backup" in str(caught.value)
    with pytest.raises(UsageError):
        doctor.examine(request(place, only=("bakup_age",)), place.world())


def test_a_wrong_key_is_named_once_and_not_for_every_backup(place: fault_fixtures.Fixture) -> None:
    for _run in range(3):
        place.back_up(proof="counts")
    keys = dataclasses.replace(place.settings.keys, recovery_key_file=str(place.home / "other"))
    fault_fixtures.write_secret(place.home / "other", secrets.token_hex(32))
    wrong = dataclasses.replace(place.settings, keys=keys)
    [found] = examine(place, request(place, repository=wrong))["catalogue"]
    assert "None of the 3 backups in the store is signed by a trusted key" in found["cause"]
    assert len(found["facts"]["names"]) == 3


def test_a_single_check_that_could_not_be_made_is_no_good_news(
    place: fault_fixtures.Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.back_up()

    def alone(name: str, **values: t.Any) -> t.Any:
        return examine(place, request(place, only=(name,), **values))

    nobody = dataclasses.replace(place.server.login, unix_socket=str(place.home))
    assert set(alone("backup_age", login=nobody)) == {"connection"}
    assert set(alone("backup_age", databases=("nothing*",))) == {"databases"}
    (place.home / "store").rename(place.home / "elsewhere")
    assert set(alone("backup_age")) == {"backup_age"}  # by this host's own receipts
    (place.home / "elsewhere").rename(place.home / "store")
    gone = dataclasses.replace(place.settings, store=StoreSettings(f"file://{place.home}/nowhere"))
    assert set(alone("restore_tested_age", repository=gone)) == {"store"}
    wrong = dataclasses.replace(place.settings, application="No Name")
    assert set(alone("schedule", repository=wrong)) == {"configuration"}

    def broken(_path: str) -> t.NoReturn:
        raise RuntimeError("a bug")

    monkeypatch.setattr("shutil.disk_usage", broken)
    for name in ("state", "leftovers", "store_space"):
        found = alone(name)
        assert set(found) == {name}
        assert "failed" in results(found, name)
    assert "RuntimeError: a bug" in causes(examine(place), "state")


class Sealed(t.NamedTuple):
    """A sealed host: what it has, and who can change its trust."""

    place: fault_fixtures.Fixture
    recovery: RecoveryKey
    signer: Signer
    settings: t.Any

    def trusts(self, serial: int, recipients: int = 2, root: RecoveryKey | None = None, **entry: t.Any) -> None:
        listed = (self.recovery.opening.recipient, *(OpeningKey.generate().recipient for _one in range(recipients - 1)))
        signer = trust.SignerEntry(self.signer.public, ("main/*",), NOW - datetime.timedelta(days=400), **entry)
        made = trust.TrustFile(fault_fixtures.APPLICATION, serial, NOW, listed, (signer,))
        path = self.place.home / "store" / trusted_keys.trust_name(fault_fixtures.APPLICATION, serial)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(trust.sign(made, [(root or self.recovery).root]))

    def examine(self) -> t.Any:
        return examine(self.place, request(self.place, repository=self.settings))


@pytest.fixture
def sealed(place: fault_fixtures.Fixture) -> Sealed:
    recovery, signer = RecoveryKey.generate(), Signer.generate()
    path = str(place.home / "config" / "keys" / "signer.json")
    keyfile.write(path, [keyfile.record("signer", signer.secret)])
    keys = KeySettings(signer_file=path, roots=(recovery.root.public.hex(),))
    return Sealed(place, recovery, signer, dataclasses.replace(place.settings, keys=keys))


def test_the_trust_of_a_sealed_host(sealed: Sealed) -> None:
    assert results(sealed.examine(), "signer") == {"failed"}  # no trust file: nobody to encrypt to
    sealed.trusts(1)
    found = sealed.examine()
    assert [results(found, name) for name in ("trust", "signer", "recipients")] == [{"ok"}] * 3
    assert found["trust"][0]["facts"] == {"mode": "sealed-host", "serial": 1, "roots": 1, "opens": False}
    sealed.trusts(2, recipients=1)
    assert results(sealed.examine(), "recipients") == {"warning"}
    sealed.trusts(3, until=NOW + datetime.timedelta(days=5))
    assert results(sealed.examine(), "signer") == {"warning"}
    sealed.trusts(4, until=NOW - datetime.timedelta(days=5))
    assert results(sealed.examine(), "signer") == {"failed"}
    sealed.trusts(5)
    sealed.trusts(6, root=RecoveryKey.generate())
    assert results(sealed.examine(), "trust") == {"failed"}


def test_a_recipient_that_the_newest_backup_does_not_know(sealed: Sealed) -> None:
    sealed.trusts(1)
    asked = dataclasses.replace(sealed.place.request(proof="counts"), repository=sealed.settings)
    backup.back_up(asked, sealed.place.world())
    sealed.trusts(2, recipients=3)
    assert "before" in causes(sealed.examine(), "recipients")


@pytest.fixture
def remote(cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, s3: S3) -> fault_fixtures.Fixture:
    (tmp_path / "config").mkdir()
    return fault_fixtures.make(cluster(), database(sql=SQL), tmp_path, s3.settings(f"doctor-{secrets.token_hex(4)}"))


def objects(s3: S3, remote: fault_fixtures.Fixture) -> list[tuple[str, t.Any]]:
    found = s3.client().list_objects_v2(Bucket=s3.bucket, Prefix=prefix(s3, remote)).get("Contents", [])
    return [(each["Key"], each["LastModified"]) for each in found]


def prefix(s3: S3, remote: fault_fixtures.Fixture) -> str:
    return remote.store.url.removeprefix(f"s3://{s3.bucket}/")


def test_writing_to_a_bucket_is_tried_and_leaves_nothing(remote: fault_fixtures.Fixture, s3: S3) -> None:
    empty = examine(remote)
    assert "aborted" in causes(empty, "store")
    assert results(empty, "store") == results(empty, "clock") == {"ok"}
    assert objects(s3, remote) == []
    assert s3.client().list_multipart_uploads(Bucket=s3.bucket, Prefix=prefix(s3, remote)).get("Uploads", []) == []
    remote.back_up()
    before = objects(s3, remote)
    assert "had to reject" in causes(examine(remote), "store")
    in_check_mode = dataclasses.replace(remote.world(), dry_run=True)
    checks = doctor.make_checks(request(remote, only=("store",)), in_check_mode)
    assert "check mode writes nothing" in checks[0].cause
    assert objects(s3, remote) == before


def test_a_bucket_that_may_not_be_written_and_one_that_is_not_there(remote: fault_fixtures.Fixture, s3: S3) -> None:
    remote.back_up()
    prefix = remote.store.url.removeprefix(f"s3://{s3.bucket}/")
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:PutObject"],
        "Resource": [f"arn:aws:s3:::{s3.bucket}/{prefix}/*"],
    }
    client = s3.client()
    client.put_bucket_policy(Bucket=s3.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    try:
        found = examine(remote)
        assert results(found, "store") == {"failed"}
        assert "cannot be written" in causes(found, "store")
    finally:
        client.delete_bucket_policy(Bucket=s3.bucket)
    other = dataclasses.replace(remote.settings, store=dataclasses.replace(remote.store, url="s3://not-here-at-all/x"))
    assert results(examine(remote, request(remote, repository=other)), "store") == {"failed"}


def test_a_bucket_that_deletes_wal_by_its_age(remote: fault_fixtures.Fixture, s3: S3) -> None:
    asked = request(remote, only=("lifecycle",))
    assert results(examine(remote, asked), "lifecycle") == set()
    below = f"{prefix(s3, remote)}/{fault_fixtures.APPLICATION}/wal/"
    client = s3.client()
    client.put_object(Bucket=s3.bucket, Key=f"{below}7312345678901234567/00000001/00000001.history.lbx", Body=b"x")
    assert results(examine(remote, asked), "lifecycle") == {"ok"}
    rule = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": below}, "Expiration": {"Days": 400}}
    client.put_bucket_lifecycle_configuration(Bucket=s3.bucket, LifecycleConfiguration={"Rules": [rule]})
    try:
        found = examine(remote, asked)
        assert results(found, "lifecycle") == {"failed"}
        assert "rule tidy deletes WAL" in causes(found, "lifecycle")
    finally:
        client.delete_bucket_lifecycle(Bucket=s3.bucket)


def test_a_host_that_may_only_write_judges_by_what_it_remembers(remote: fault_fixtures.Fixture, s3: S3) -> None:
    for _run in range(5):
        remote.back_up(max_shrink=0, proof="counts")
    prefix = remote.store.url.removeprefix(f"s3://{s3.bucket}/")
    hidden = [f"arn:aws:s3:::{s3.bucket}/{prefix}/{fault_fixtures.APPLICATION}/manifests/*"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": ["s3:GetObject"], "Resource": hidden}
    client = s3.client()
    client.put_bucket_policy(Bucket=s3.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    try:
        found = examine(remote)
        assert "may not list" in causes(found, "store")
        assert results(found, "store") == results(found, "backup_age") == {"ok"}
        assert "anomalies" not in found
        remote.server.execute("DELETE FROM public.notes WHERE id > 100", remote.database)
        remote.back_up(max_shrink=0, proof="counts")
        assert "shrank to 100 rows" in causes(examine(remote), "anomalies")
    finally:
        client.delete_bucket_policy(Bucket=s3.bucket)


def test_a_store_that_never_answers_does_not_keep_monitoring_waiting(
    remote: fault_fixtures.Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(doctor, "PATIENCE", dataclasses.replace(doctor.PATIENCE, request=0.5))
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        deaf = dataclasses.replace(remote.settings, store=dataclasses.replace(remote.store, endpoint=endpoint))
        began = time.monotonic()
        assert results(examine(remote, request(remote, repository=deaf)), "store") == {"failed"}
        assert time.monotonic() - began < 20
    assert doctor.PATIENCE.request * (doctor.PATIENCE.retries + 1) < 60


def test_a_clock_that_is_wrong(remote: fault_fixtures.Fixture) -> None:
    def skew(seconds: float) -> t.Any:
        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
        return examine(remote, request(remote, only=("clock",)), now)

    assert results(skew(200), "clock") == {"warning"}
    assert "behind" in causes(skew(-200), "clock")
    assert results(skew(2000), "clock") == {"failed"}
    assert clock.ahead(StoreSettings("s3://x", endpoint="http://127.0.0.1:1"), lambda: NOW) is None


def test_the_clock_is_compared_over_tls_too(s3: S3) -> None:
    settings = StoreSettings("s3://x", endpoint=s3.endpoint_tls, ca_cert=s3.ca_cert)
    ahead = clock.ahead(settings, lambda: datetime.datetime.now(datetime.UTC))
    assert ahead is not None
    assert abs(ahead) < 5
    assert clock.ahead(dataclasses.replace(settings, ca_cert=None), lambda: NOW) is None


def settings_of(place: fault_fixtures.Fixture, **variables: t.Any) -> str:
    """Write the settings of a host as its role does, and give their directory."""
    login = place.server.login
    document = {
        "format": "lifeboat-host/1",
        "variables": {
            "lifeboat_application": fault_fixtures.APPLICATION,
            "lifeboat_cluster": fault_fixtures.CLUSTER,
            "lifeboat_databases": [place.database],
            "lifeboat_state_dir": str(place.home / "state"),
            **variables,
        },
        "set": ["lifeboat_application", *variables],
        "store": {key: value for key, value in dataclasses.asdict(place.store).items() if value is not None},
        "keys": {"recovery_key_file": str(place.home / "key")},
        "login": {"unix_socket": login.unix_socket, "port": login.port, "user": login.user},
    }
    (place.home / "config" / "host.json").write_text(json.dumps(document))
    return str(place.home / "config")


def test_the_program_tells_monitoring_how_a_host_is(
    place: fault_fixtures.Fixture, reader: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings_of(place)
    assert cli.main(["health", "--config-dir", config], place.environ) == 2
    assert "has no backup" in capsys.readouterr().out
    place.back_up()
    assert cli.main(["health", "--json", "--config-dir", config], place.environ) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["health"] == "warning"
    assert {check["result"] for check in told["checks"]} == {"ok", "warning"}
    assert cli.main(["health", "--check", "backup_age", "--config-dir", config], place.environ) == 0
    capsys.readouterr()
    assert cli.main(["health", "--config-dir", str(place.home)], {}) == 2
    assert "install" in capsys.readouterr().out


def test_the_program_examines_a_host_without_ansible_and_boto3(place: fault_fixtures.Fixture) -> None:
    config = settings_of(place)
    program = (
        "import sys; from ansible_collections.lifeboat.recovery.plugins.module_utils._engine import cli\n"
        f"code = cli.main(['health', '--json', '--config-dir', {config!r}])\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "sys.exit(99 if {'ansible', 'boto3', 'botocore'} & loaded else code)\n"
    )
    folder = next(path for path in sys.path if os.path.isdir(os.path.join(path, "ansible_collections")))
    environ = {**place.environ, "PYTHONPATH": folder}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["health"] == "failed"
