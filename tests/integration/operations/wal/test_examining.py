# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a recovery would lose is what the heartbeats of a real server say that are stored, and nothing better."""

from __future__ import annotations

import dataclasses
import typing as t
from datetime import datetime, timedelta
from pathlib import Path

import heartbeat_fixtures
import physical_fixtures
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal.examining import (
    WalInfoRequest,
    examine,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from physical_fixtures import Physical

HOUR = timedelta(hours=1)


@dataclasses.dataclass
class Log:
    """A server with a base backup, whose log is stored when a test says so."""

    physical: Physical

    def beat(self, hours: int) -> datetime:
        """Let the server beat, so many hours ago by its clock, and end the segment. Return when it did."""
        made = heartbeat_fixtures.beat(self.physical.server)
        at = made.at - hours * HOUR
        self.physical.server.execute(f"UPDATE lifeboat.heartbeat SET at = '{at.isoformat()}' WHERE at = '{made.at}'")
        self.physical.server.execute("SELECT pg_switch_wal()")
        self.physical.archive_all()
        return at

    def stored(self) -> list[Path]:
        """Return the segments that are stored, in their order."""
        store = Path(self.physical.place.settings.store.url.removeprefix("file://"))
        return sorted(path for path in store.glob("*/wal/*/*/*/*.lbx") if len(path.name) == 28)

    def told(self, *, asked: bool = True) -> dict[str, t.Any]:
        """Return what is said of the log."""
        login = self.physical.server.login if asked else None
        [log] = examine(WalInfoRequest(self.physical.place.settings, login=login), self.physical.world()).facts["wal"]
        return dict(log)

    def require(self, at: datetime, *, source: str = "heartbeat") -> list[str]:
        """Require that all comes back that was committed by `at`, and return the problems."""
        told = self.told()
        assert told["rpo_from"] == source
        assert told["recoverable_until"] == at.isoformat()
        [[now]] = self.physical.server.execute("SELECT clock_timestamp()")
        assert -1 < (now - at).total_seconds() - told["rpo_seconds"] < 60  # which is rounded
        return list(told["problems"])


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with physical_fixtures.running(tmp_path, archive_mode="on", archive_timeout="300") as physical:
        heartbeat_fixtures.make(physical.server)
        physical.back_up()
        yield Log(physical)


def test_what_would_be_lost_is_what_was_committed_after_the_newest_heartbeat_that_is_stored(log: Log) -> None:
    first, second = log.beat(10), log.beat(9)
    log.physical.store_wal()
    log.require(second)

    # The archive has stopped: the beats of the server go on, and say so.
    log.beat(1)
    now = log.beat(0)
    said = log.require(second)
    assert said[-1] == (
        "A recovery would lose up to the last 9 h; by archive_timeout and the heartbeats it is 1 h 5 min."
    )
    log.physical.store_wal()
    assert log.require(now) == []

    # Behind a hole nothing counts, however much is there: the last two beats are.
    hole = log.stored()[-3]
    hole.rename(hole.with_name("lost"))
    assert [one for one in log.require(first) if "lacks" in one] == [f"{hole.name.removesuffix('.lbx')} lacks."]


def test_without_heartbeats_the_time_counts_at_which_the_last_segment_was_stored(log: Log) -> None:
    log.beat(2)
    log.physical.store_wal()
    told = log.told(asked=False)
    assert (told["rpo_from"], told["recoverable_until"]) == ("store", told["windows"][0]["to"])
    assert 0 <= told["rpo_seconds"] < 600
    log.physical.server.execute("DROP SCHEMA lifeboat CASCADE")
    told = log.told()
    assert (told["rpo_from"], told["recoverable_until"]) == ("store", told["windows"][0]["to"])
    assert told["problems"] == []


def test_a_server_that_does_not_beat_any_more_is_a_problem(log: Log) -> None:
    at = log.beat(6)
    log.physical.store_wal()
    assert log.require(at) == [
        "The last heartbeat of the server was 6 h ago: see the log of job heartbeat on its host."
    ]


def test_a_schema_of_that_name_that_others_own_says_nothing(log: Log) -> None:
    log.physical.store_wal()
    server = log.physical.server
    server.execute("DROP SCHEMA lifeboat CASCADE; CREATE ROLE mallory")
    server.execute("GRANT CREATE ON DATABASE postgres TO mallory; SET ROLE mallory; CREATE SCHEMA lifeboat")
    server.execute(
        "SET ROLE mallory; CREATE TABLE lifeboat.heartbeat AS SELECT clock_timestamp() AS at, '0/1'::pg_lsn AS lsn"
    )
    assert log.told()["rpo_from"] == "store"
