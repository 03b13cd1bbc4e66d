# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""WAL is waited for as long as something is archived, and who may not list the store believes the server."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.base import WalRange
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import wal_waiting
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.archiver import (
    Archiver,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    Login,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.progress import Progress

MIB = 1 << 20
WAL = WalRange("7312345678901234567", 1, 3 * MIB, 5 * MIB + 1, MIB, included=False)
NAMES = [f"00000001000000000000000{number}" for number in (3, 4, 5)]
ARCHIVER = Archiver("on", set_up=True, in_recovery=False, count=0, last="", failed="", stuck=False)


@dataclasses.dataclass
class Night:
    """A clock that sleeping moves, what the server says at each moment, and what the store then lacks."""

    archived: t.Callable[[float], Archiver]
    lacks: t.Callable[[float], tuple[str, ...] | None]
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.progress = Progress(None, "backup", "main/@physical", self.now)

    def now(self) -> datetime.datetime:
        return datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC) + datetime.timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def lacking(self, wal: WalRange, /) -> tuple[str, ...] | None:
        assert wal == WAL
        return self.lacks(self.seconds)

    def wait(self, monkeypatch: pytest.MonkeyPatch, patience: float = 60.0) -> float:
        """Wait, and return for how long that was."""
        monkeypatch.setattr(wal_waiting, "connect_server", lambda _login: self)
        monkeypatch.setattr(wal_waiting.archiver, "read", lambda _session: self.archived(self.seconds))
        world = World(now=self.now, sleep=self.sleep, environ={})
        wal_waiting.Waiting(Login(), t.cast("t.Any", self), world, patience).until_stored(WAL)
        return self.seconds

    def close(self) -> None: ...


def test_what_is_stored_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Night(lambda _at: ARCHIVER, lambda _at: ()).wait(monkeypatch) == 0


def test_it_goes_on_as_long_as_something_is_archived(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of backlog is before our segments; every 50 seconds the server archives one of it."""
    night = Night(
        lambda at: dataclasses.replace(ARCHIVER, count=int(at // 50)),
        lambda at: () if at >= 3600 else tuple(NAMES),
    )
    assert night.wait(monkeypatch) == 3600


def test_it_ends_where_nothing_comes_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = dataclasses.replace(ARCHIVER, failed=NAMES[1], stuck=True)
    night = Night(lambda _at: stuck, lambda at: tuple(NAMES if at < 30 else NAMES[1:]))
    with pytest.raises(
        DatabaseError, match=f"after 1 min: {NAMES[1]} and 1 more. The server could not archive"
    ) as caught:
        night.wait(monkeypatch)
    assert night.seconds == 90
    assert "archive_command" in str(caught.value)


@pytest.mark.parametrize(
    ("last", "enough"),
    [
        (NAMES[2], True),
        (f"{NAMES[2]}.00000028.backup", True),
        ("000000010000000000000006", True),
        (NAMES[1], False),
        ("000000020000000000000006", False),
        ("00000002.history", False),
        ("", False),
    ],
)
def test_who_may_not_list_believes_the_server(monkeypatch: pytest.MonkeyPatch, last: str, enough: bool) -> None:
    night = Night(lambda _at: dataclasses.replace(ARCHIVER, last=last), lambda _at: None)
    if enough:
        assert night.wait(monkeypatch) == 0
        return
    with pytest.raises(DatabaseError, match="is not in the store after"):
        night.wait(monkeypatch)


def test_a_standby_cannot_be_believed_and_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    night = Night(lambda _at: dataclasses.replace(ARCHIVER, in_recovery=True, last=NAMES[2]), lambda _at: None)
    with pytest.raises(DatabaseError, match="Back up from the primary"):
        night.wait(monkeypatch)
    assert night.seconds == 0


@pytest.mark.parametrize(
    ("archiver", "said"),
    [
        (dataclasses.replace(ARCHIVER, mode="off"), "archive_mode is off"),
        (dataclasses.replace(ARCHIVER, set_up=False), "archive_command is empty"),
        (dataclasses.replace(ARCHIVER, failed=NAMES[0], stuck=True), f"stuck: {NAMES[0]}"),
    ],
)
def test_an_archive_that_does_not_work_is_refused(archiver: Archiver, said: str) -> None:
    with pytest.raises(DatabaseError, match=said):
        archiver.require_alive()


def test_of_a_standby_its_primary_archives() -> None:
    """So that what the standby says of its own archiver means nothing."""
    standby = dataclasses.replace(ARCHIVER, in_recovery=True, set_up=False, stuck=True)
    standby.require_alive()
    with pytest.raises(DatabaseError):
        dataclasses.replace(standby, mode="always").require_alive()
