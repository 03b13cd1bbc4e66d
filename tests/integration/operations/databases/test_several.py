# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several databases are backed up side by side by one run of the module, and what ends one of them ends no other."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import select
import signal
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import progress, status
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from faults import fault_fixtures, kills, slowness

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_fixtures import Cluster, ClusterFactory

SQL = "CREATE TABLE public.t AS SELECT n AS id, md5(n::text) AS body FROM generate_series(1, {}) AS n"
WAITING = "SELECT DISTINCT datname::text FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@dataclasses.dataclass
class Several:
    """Some databases of a server, and runs of the module that back them up."""

    place: fault_fixtures.Fixture
    names: list[str]

    @property
    def server(self) -> Cluster:
        return self.place.server

    def start(self, *, slow_proof: bool = False, **changes: t.Any) -> kills.Victim:
        options = {"login_db": None, "databases": self.names, "proof": "counts", "jobs": 2, **changes}
        return kills.Victim(self.place, slow_proof=slow_proof, **options)

    def run(self, **changes: t.Any) -> t.Mapping[str, t.Any]:
        ended = self.start(**changes).end()
        assert ended.out, ended.err
        return ended.result

    def entries(self) -> dict[str, str]:
        """Return how the audit log says the backup of each database ended; each has one entry."""
        log = audit.AuditLog(str(self.place.home / "state"))
        assert log.verify() == []
        found = [(entry.component, entry.result) for entry in log.entries()]
        assert {entry.operation for entry in log.entries()} <= {"backup"}
        assert len(dict(found)) == len(found)
        return {component.removeprefix("main/"): result for component, result in found}

    def status(self, name: str = "") -> status.Status:
        """Return the status of one database's backup, or of the run."""
        subject = repository.component("main", name) if name else "main"
        found = status.read(progress.status_path(str(self.place.home / "state/status"), "backup", subject))
        assert found is not None
        return found

    def running(self) -> set[str]:
        return {member.name for member in self.status().members if member.state == "running"}

    def proving(self) -> list[str]:
        return [name for name in self.names if self.server.execute(slowness.SLEEPING.format(name)) != [(0,)]]

    @contextlib.contextmanager
    def locked(self, *names: str) -> Iterator[None]:
        """Keep what backs up these databases waiting, as long as the block lasts."""
        with contextlib.ExitStack() as stack:
            for name in names:
                session = stack.enter_context(contextlib.closing(self.server.connect(name)))
                session.execute("BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE")
            yield

    def waiting(self) -> set[str]:
        return {name for (name,) in self.server.execute(WAITING)}


@pytest.fixture(scope="module")
def names(cluster: ClusterFactory) -> Iterator[list[str]]:
    server = cluster()
    made = [server.create(f"several_{secrets.token_hex(4)}") for _number in range(6)]
    for number, name in enumerate(made, 1):
        server.execute(SQL.format(100 * number), name)
    yield made
    for name in made:
        server.drop(name)


@pytest.fixture
def several(cluster: ClusterFactory, names: list[str], tmp_path: Path) -> Several:
    return Several(fault_fixtures.make(cluster(), names[0], tmp_path), names)


def only_child(pid: int) -> int:
    """Return the one child of a process, when it is the only one."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    fault_fixtures.wait_until(lambda: len(path.read_text().split()) == 1, "the end of the other children")
    return int(path.read_text())


def wait_for_end(pid: int) -> None:
    """Wait until a process has ended, whoever is to collect it."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        ready, _write, _other = select.select([handle], [], [], 30)
        os.close(handle)
        assert ready, f"process {pid} lives"


def test_several_databases_are_backed_up_two_at_a_time(several: Several) -> None:
    with several.locked(*several.names):
        run = several.start(lock_timeout="1h")
        fault_fixtures.wait_until(lambda: len(several.waiting()) == 2, "two backups at once")
        first = several.waiting()
        fault_fixtures.wait_until(lambda: first == several.running(), "the progress of both")
        shown = status.line(several.status())
    ended = run.end()

    result = ended.result
    assert ended.status == 0, result["msg"]
    assert shown == f"backup of main: 0 of 6 databases, running: {', '.join(sorted(first, key=shown.index))}"
    assert first < set(several.names)
    assert [backup["database"] for backup in result["backups"]] == several.names
    assert result["changed"]
    assert result["failures"] == []
    assert len(result["table"]) == 6
    for line, backup in zip(result["table"], result["backups"], strict=True):
        assert line.startswith(f"{backup['database']}  backed up  ")
        assert line.endswith(backup["backup_id"])
    assert result["summary"].startswith("6 databases backed up in ")
    assert sorted(several.place.listed()) == sorted(backup["backup_id"] for backup in result["backups"])
    assert several.entries() == dict.fromkeys(several.names, "ok")
    assert several.status().result == "ok"
    assert {several.status(name).result for name in several.names} == {"ok"}
    several.place.verify()


def test_a_database_that_fails_stops_no_other(several: Several) -> None:
    result = several.run(databases=["nowhere\nx", *several.names])

    assert result["failed"]
    assert result["changed"]
    assert [backup["database"] for backup in result["backups"]] == several.names
    [failure] = result["failures"]
    assert failure["database"] == "nowhere\nx"
    assert failure["error"] == "DatabaseError"
    assert "does not exist" in failure["cause"]
    assert result["msg"].startswith(r"1 of 7 databases was not backed up. nowhere\nx: The database ")
    assert "Correct login_db" in result["msg"]
    assert len(result["table"]) == 7
    assert result["table"][0].startswith(r"nowhere\nx")
    assert "  FAILED  " in result["table"][0]
    assert all(line.isprintable() for line in [*result["table"], result["msg"], result["summary"]])
    assert result["summary"].startswith("6 of 7 databases backed up in ")
    assert several.entries() == {**dict.fromkeys(several.names, "ok"), "nowhere%0Ax": "failed"}
    assert several.status().result == "failed"


def test_the_same_cause_is_said_once(several: Several) -> None:
    store = {"url": f"file://{several.place.home}/nowhere"}

    result = several.run(store=store)

    assert result["failed"]
    assert not result["changed"]
    assert result["error"] == "StoreError"
    assert result["msg"].count("does not exist") == 1
    assert result["msg"].startswith(f"6 of 6 databases were not backed up. {', '.join(several.names)}: ")
    assert result["backups"] == []
    assert several.entries() == dict.fromkeys(several.names, "failed")


def test_a_young_backup_is_left_alone_in_each_database(several: Several) -> None:
    young = several.names[:2]
    assert several.run(databases=young)["changed"]

    result = several.run(max_age="1h")

    assert result["changed"]
    assert {backup["database"] for backup in result["backups"] if not backup["made"]} == set(young)
    assert "4 of 6 databases backed up in" in result["summary"]
    assert result["summary"].endswith("; 2 have a recent enough backup.")
    again = several.run(max_age="1h")
    assert not again["changed"]
    assert again["summary"] == "0 of 6 databases backed up; 6 have a recent enough backup."
    assert len(several.place.listed()) == 6


def test_a_name_that_is_given_twice_counts_once(several: Several) -> None:
    one = several.names[0]

    result = several.run(databases=[one, one])

    assert len(several.place.listed()) == 1
    assert result["summary"].startswith("1 database backed up in ")


def test_what_cannot_be_meant_is_refused_for_each_before_anything_is_begun(several: Several) -> None:
    result = several.run(jobs=0)

    assert result["error"] == "UsageError"
    assert "table" not in result
    assert several.entries() == dict.fromkeys(several.names, "refused")


@pytest.mark.parametrize("asked", [[], [""], ["x" * 64]])
def test_names_that_no_database_has_are_refused_by_their_option(several: Several, asked: list[str]) -> None:
    result = several.run(databases=asked)

    assert result["error"] == "UsageError"
    assert result["field"] == "databases"
    assert [entry.result for entry in audit.AuditLog(str(several.place.home / "state")).entries()] == ["refused"]


def test_a_name_that_no_database_has_stops_no_other(several: Several) -> None:
    one, long = several.names[0], "x" * 64

    result = several.run(databases=["", one, long])

    assert [backup["database"] for backup in result["backups"]] == [one]
    assert [failure["database"] for failure in result["failures"]] == ["", long]
    assert "databases is longer than 63 bytes" in result["msg"]


def test_one_of_the_two_options_is_needed_and_no_more(several: Several) -> None:
    assert "one of the following is required: login_db, databases" in several.run(databases=None)["msg"]
    assert "mutually exclusive: login_db|databases" in several.run(login_db=several.names[0])["msg"]


def test_a_backup_that_is_killed_is_named_and_the_others_go_on(several: Several) -> None:
    victim = several.names[2]
    with several.locked(victim):
        run = several.start(lock_timeout="1h")
        fault_fixtures.wait_until(lambda: several.waiting() == {victim}, "the lock")
        os.kill(only_child(run.process.pid), signal.SIGKILL)
        ended = run.end()

    result = ended.result
    assert ended.status == 1
    assert f"{victim}: The backup of '{victim}' was killed by SIGKILL. Run again" in result["msg"]
    assert [backup["database"] for backup in result["backups"]] == [name for name in several.names if name != victim]
    assert several.entries() == {**dict.fromkeys(several.names, "ok"), victim: "failed"}
    assert len(several.place.listed()) == 5
    assert several.run(databases=[victim])["changed"]


def test_whoever_ends_the_run_ends_all_of_it(several: Several) -> None:
    run = several.start(slow_proof=True)
    fault_fixtures.wait_until(lambda: len(several.proving()) == 2, "two proofs")
    proving = several.proving()
    pids = [several.status(name).pid for name in proving]
    assert several.status().pid == run.process.pid

    os.kill(several.status().pid, signal.SIGTERM)
    ended = run.end()

    assert ended.status == 1
    assert ended.result["error"] == "Ended"
    for pid in pids:
        wait_for_end(pid)
    assert several.proving() == []
    assert several.place.listed() == []
    assert several.place.unlisted_objects() == []
    assert several.place.temporary_files() == []
    assert several.entries() == dict.fromkeys(proving, "stopped")
    assert several.status().result == "failed"
    assert several.run()["changed"]
    several.place.verify()


def test_nothing_outlives_a_run_that_is_killed(several: Several) -> None:
    run = several.start(slow_proof=True)
    fault_fixtures.wait_until(lambda: len(several.proving()) == 2, "two proofs")
    pids = [several.status(name).pid for name in several.proving()]

    run.process.kill()
    run.end()

    for pid in pids:
        wait_for_end(pid)
    fault_fixtures.wait_until(lambda: several.proving() == [], "the end of the sessions")
    assert several.place.listed() == []
    assert several.place.unlisted_objects() == []
    assert several.run()["changed"]
    several.place.verify()


def test_check_mode_plans_each_and_touches_nothing(several: Several) -> None:
    before = sorted(several.place.home.rglob("*"))

    result = several.run(_ansible_check_mode=True, _ansible_diff=True)

    assert result["changed"]
    assert [line.split()[1:4] for line in result["table"]] == [["would", "back", "up"]] * 6
    assert result["summary"].startswith("Would back up 6 databases: about ")
    for name in several.names:
        assert f"backup of main/{name} (manual)" in result["diff"]["after"]
    after = {path for path in several.place.home.rglob("*") if path.name not in {"settings.json", "steps"}}
    assert after <= set(before)


def test_fewer_run_at_a_time_where_the_limit_of_the_role_has_no_room_for_more(several: Several) -> None:
    role = "narrow_role"
    several.server.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 5; GRANT pg_read_all_data TO {role}")
    try:
        result = several.run(login_user=role, jobs=4)
        assert len(result.get("backups", ())) == 0, result
        result = several.run(login_user=role, jobs=2)
    finally:
        several.server.execute(f"DROP ROLE {role}")

    assert len(result["backups"]) == 6, result["msg"]
    [said] = [warning for warning in result["warnings"] if "at a time" in str(warning)]
    assert "at a time: 1, as the limit of role narrow_role leaves 5 sessions" in json.dumps(said)
