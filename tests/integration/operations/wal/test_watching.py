# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the metrics of an archived log say when a real server's archive breaks, in each way that an alert is about."""

from __future__ import annotations

import dataclasses
import os
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import physical_fixtures
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import archive_lag
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.monitor import collecting, metrics
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal.watching import Archiving
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery import objectives
from pair_fixtures import as_owner
from sample_host import values_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from physical_fixtures import Physical

WEEK = timedelta(days=8)


@dataclasses.dataclass
class Watched:
    """A server whose log is archived, with a base backup, and the metrics of it."""

    physical: Physical
    outcome: t.Any = None

    def archive(self) -> str:
        """Commit a row, end its segment, and have that stored. Return its name."""
        name = str(self.physical.server.execute("SELECT pg_walfile_name(pg_current_wal_lsn())")[0][0])
        self.physical.write()
        self.physical.archive_all()
        self.physical.store_wal()
        return name

    def look(
        self, *, later: timedelta = timedelta(), disk: int | None = None, dry_run: bool = False, **changes: t.Any
    ) -> dict[str, float]:
        """Write the metrics, and return those of the log by their names."""
        place = self.physical.place
        now = datetime.now(UTC) + later
        path = place.home / "shop.prom"
        archiving = Archiving(changes.pop("login", self.physical.server.login), disk)
        sources = collecting.Sources(
            repository=place.settings,
            cluster="main",
            archiving=archiving,
            objectives=objectives.parse({"database": {"rpo": "15m"}}),
            **changes,
        )
        world = dataclasses.replace(place.world(), now=lambda: now, dry_run=dry_run)
        self.outcome = metrics.watch(metrics.WatchRequest(sources, str(path)), world)
        values = values_of(self.outcome.after)
        return {
            name.partition("{")[0].removeprefix("lifeboat_wal_"): value
            for name, value in values.items()
            if name.startswith("lifeboat_wal_")
        }

    @property
    def problems(self) -> list[str]:
        [log] = self.outcome.facts["status"]["logs"]
        return list(log["problems"])

    @property
    def state(self) -> str:
        [log] = self.outcome.facts["status"]["logs"]
        return str(log["state"])

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            self.physical.server.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self.physical.server.execute("SELECT pg_reload_conf()")

    def stored(self, name: str) -> Path:
        [path] = (self.physical.place.home / "store").rglob(f"{name}.lbx")
        return path


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with physical_fixtures.running(tmp_path_factory.mktemp("watched"), archive_mode="on") as physical:
        physical.back_up()
        yield Watched(physical)


@pytest.fixture(autouse=True)
def whole(watched: Watched) -> Iterator[None]:
    """Each test begins and ends with an archive that works."""
    watched.archive()
    yield
    watched.set(archive_command=physical_fixtures.COPY.format(watched.physical.server.directory))
    watched.physical.archive_all()


def test_a_log_without_a_fault(watched: Watched) -> None:
    values = watched.look(disk=1 << 30)
    now = datetime.now(UTC).timestamp()
    assert values["recoverable_from_timestamp_seconds"] <= values["newest_base_timestamp_seconds"]
    assert values["newest_base_timestamp_seconds"] <= values["recoverable_until_timestamp_seconds"]
    assert now - 60 < values["recoverable_until_timestamp_seconds"] <= values["listed_timestamp_seconds"] <= now
    names = ("gaps", "forked_timelines", "waiting_files", "waiting_seconds", "archiver_failing", "slots_behind")
    assert [values[name] for name in names] == [0] * len(names)
    assert values["server_answers"] == 1
    assert values["recovery_point_objective_seconds"] == 900
    assert values["directory_share"] == pytest.approx(values["directory_bytes"] / (1 << 30))
    assert (watched.problems, watched.state) == ([], "recoverable")
    listed = watched.look()
    assert (
        listed["stored_bytes"]
        == values["stored_bytes"]
        == sum(path.stat().st_size for path in (watched.physical.place.home / "store").rglob("wal/*/**/*.lbx"))
    )


def test_check_mode_remembers_nothing(watched: Watched) -> None:
    before = {path: path.read_bytes() for path in (watched.physical.place.home / "state").glob("logs-*")}
    watched.look(dry_run=True)
    assert {path: path.read_bytes() for path in (watched.physical.place.home / "state").glob("logs-*")} == before


def test_a_file_that_waits_for_five_minutes(watched: Watched) -> None:
    watched.set(archive_command="false")
    server = watched.physical.server
    server.execute("CREATE TABLE public.waits (id int)")
    name = server.execute("SELECT pg_walfile_name(pg_switch_wal())")[0][0]
    ready = Path(server.directory, "data/pg_wal/archive_status", f"{name}.ready")
    physical_fixtures.fault_fixtures.wait_until(ready.exists, "the mark of the archiver")
    assert watched.look()["waiting_seconds"] < archive_lag.STUCK
    with as_owner():
        os.utime(ready, (0, datetime.now(UTC).timestamp() - archive_lag.STUCK - 60))
    values = watched.look()
    assert values["waiting_files"] >= 1
    assert values["waiting_seconds"] > archive_lag.STUCK
    server.execute("SELECT pg_stat_force_next_flush()")
    physical_fixtures.fault_fixtures.wait_until(
        lambda: watched.look()["archiver_failing"] == 1, "the failure of archive_command"
    )
    [problem] = watched.problems
    assert name in problem
    assert watched.state == "in trouble"


def test_a_segment_that_lacks(watched: Watched) -> None:
    name = watched.archive()
    watched.archive()
    watched.look()
    path = watched.stored(name)
    content = path.read_bytes()
    path.unlink()
    assert watched.look()["gaps"] == 0, "what was there is not listed again each time"
    values = watched.look(later=WEEK)
    assert values["gaps"] == 1
    assert watched.problems == [f"{name} lacks."]
    path.write_bytes(content)
    assert watched.look(later=2 * WEEK)["gaps"] == 0


def test_a_slot_that_nobody_reads(watched: Watched) -> None:
    server = watched.physical.server
    watched.set(max_wal_size="2MB", min_wal_size="2MB")
    server.execute("CHECKPOINT")
    server.execute("SELECT pg_create_physical_replication_slot('forgotten', true)")
    try:
        assert watched.look()["slots_behind"] == 0
        for _segment in range(8):
            server.execute("INSERT INTO public.plain VALUES (0, 'more')")
            server.execute("SELECT pg_switch_wal()")
        values = watched.look()
        assert values["slot_retained_bytes"] >= 7 << 20
        assert values["slots_behind"] == 1
        watched.set(max_slot_wal_keep_size="1MB")
        server.execute("CHECKPOINT")
        values = watched.look()
        assert (values["slots_behind"], values["slots_lost"]) == (1, 1)
    finally:
        server.execute("SELECT pg_drop_replication_slot('forgotten')")
        watched.set(max_slot_wal_keep_size="-1", max_wal_size="1GB", min_wal_size="80MB")


def test_a_log_that_fills_its_disk(watched: Watched) -> None:
    size = int(watched.look()["directory_bytes"])
    assert watched.look(disk=size * 2)["directory_share"] == pytest.approx(0.5, rel=0.5)
    own = os.statvfs(watched.physical.server.directory)
    values = watched.look()
    assert values["directory_share"] == values["directory_bytes"] / (own.f_blocks * own.f_frsize)


def test_a_server_that_does_not_answer(watched: Watched) -> None:
    login = dataclasses.replace(watched.physical.server.login, port=1)
    values = watched.look(login=login)
    assert values["server_answers"] == 0
    assert values["gaps"] == 0
    assert "waiting_files" not in values
    assert any(
        warning.startswith("The archiver of cluster main could not be asked.") for warning in watched.outcome.warnings
    )
    assert watched.state == "unknown"


def test_a_store_that_does_not_answer(watched: Watched) -> None:
    last = watched.look()["listed_timestamp_seconds"]
    store = watched.physical.place.home / "store"
    store.rename(store.with_name("gone"))
    try:
        values = watched.look(later=timedelta(hours=3))
    finally:
        store.with_name("gone").rename(store)
    assert values["listed_timestamp_seconds"] == last
    assert values["server_answers"] == 1
    assert not {"gaps", "recoverable_until_timestamp_seconds"} & set(values)
    assert watched.state == "unknown"


def test_two_servers_that_write(watched: Watched) -> None:
    """A copy of the server is promoted and archives, and the server goes on."""
    physical = watched.physical
    found = physical.found(physical.back_up())
    watched.archive()
    with physical.recovered(found) as other:
        other.execute("CREATE TABLE public.other (id int)")
        last = other.execute("SELECT pg_walfile_name(pg_switch_wal())")[0][0]
        begun = other.execute(
            "SELECT pg_walfile_name(timeline.lsn) FROM (SELECT redo_lsn AS lsn FROM pg_control_checkpoint()) timeline"
        )[0][0]
        with as_owner():
            for name in ("00000002.history", *sorted({begun, last})):
                content = Path(other.directory, "data/pg_wal", name).read_bytes()
                Path(physical.archived, name).write_bytes(content)
    physical.store_wal()
    assert watched.look()["forked_timelines"] == 0
    for _segment in range(3):
        watched.archive()
    assert watched.look()["forked_timelines"] == 1
    assert any("two servers took writes" in problem for problem in watched.problems)
