# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is made next: a full copy, an incremental one, or none where the log recovers what it would."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.base import Copy, WalRange
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import physical_mode
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.source import Known, Link
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World

if t.TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)
WORLD = World(now=lambda: NOW, sleep=lambda _seconds: None, environ={})
WAL = WalRange("73", 1, 0x2000028, 0x2000100, 1 << 24, included=False)
SHA256 = hashlib.sha256(b"{}").hexdigest()
SERVER = physical_mode.Seen(17, summarizes=True, checksums=True, system_identifier="73", timeline=1)
OLDER = dataclasses.replace(SERVER, major=16, summarizes=False)
AUTO, INCREMENTAL = physical_mode.Rules("auto"), physical_mode.Rules("incremental")


def link(backup_id: str = "full", days: float = 1, **changes: t.Any) -> Link:
    values: dict[str, t.Any] = {"copy": Copy(SHA256, checksums=True), "wal": WAL, **changes}
    return Link(backup_id, "0" * 64, NOW - datetime.timedelta(days=days), **values)


def known(tmp_path: Path, *chain: Link, until: datetime.datetime | None = NOW) -> Known:
    """Return what is known where the manifest of the last of the chain is at hand."""
    for one in chain[-1:]:
        (tmp_path / f"{one.backup_id}.manifest").write_bytes(b"{}")
    return Known(None, None, chain, str(tmp_path), lambda _wal: until)


def choose(
    found: Known, server: physical_mode.Seen = SERVER, rules: physical_mode.Rules = AUTO
) -> physical_mode.Choice:
    return physical_mode.choose(rules, server, found, WORLD)


def test_a_full_one_is_made_where_it_is_asked_for(tmp_path: Path) -> None:
    choice = choose(known(tmp_path, link()), rules=physical_mode.Rules("full"))
    assert (choice.mode, choice.why) == ("full", "as asked for")


def test_it_is_based_on_the_newest(tmp_path: Path) -> None:
    newest = link("second", 0.1)
    for rules in (AUTO, INCREMENTAL):
        choice = choose(known(tmp_path, link(), newest), rules=rules)
        assert (choice.mode, choice.parent) == ("incremental", newest)


@pytest.mark.parametrize(
    ("chain", "changes", "cause"),
    [
        ([], {}, "no backup that it could be based on"),
        ([link(copy=None)], {}, "does not say which manifest"),
        ([link(copy=Copy("0" * 64, checksums=True))], {}, "not the one that was signed"),
        ([link()], {"checksums": False}, "data checksums were turned off since full"),
        ([link(copy=Copy(SHA256, checksums=False))], {}, "data checksums were turned on since full"),
        ([link()], {"summarizes": False}, "does not summarize"),
    ],
)
def test_what_stands_against_it(tmp_path: Path, chain: list[Link], changes: dict[str, t.Any], cause: str) -> None:
    server = dataclasses.replace(SERVER, **changes)
    choice = choose(known(tmp_path, *chain), server)
    assert choice.mode == "full"
    assert cause in choice.why
    with pytest.raises(DatabaseError, match=cause):
        choose(known(tmp_path, *chain), server, INCREMENTAL)


def test_a_chain_ends_by_its_length_and_by_its_age(tmp_path: Path) -> None:
    long = [link("full"), *(link(str(number), 0.5) for number in range(7))]
    assert "7 incremental backups follow" in choose(known(tmp_path, *long)).why
    assert choose(known(tmp_path, *long[:-1])).mode == "incremental"
    old = [link("full", 7), link("second", 0.5)]
    assert "7 d" in choose(known(tmp_path, *old)).why
    # Whoever asks for an incremental one has his own rules.
    for chain in (long, old):
        assert choose(known(tmp_path, *chain), rules=INCREMENTAL).mode == "incremental"


def test_before_17_the_log_is_the_increment(tmp_path: Path) -> None:
    until = NOW - datetime.timedelta(minutes=3)
    choice = choose(known(tmp_path, link(), until=until), OLDER)
    assert (choice.mode, choice.recoverable) == (None, until)
    with pytest.raises(DatabaseError, match="PostgreSQL 16 makes none"):
        choose(known(tmp_path, link()), OLDER, INCREMENTAL)


@pytest.mark.parametrize(
    ("chain", "changes", "until", "cause"),
    [
        ([], {}, NOW, "nothing is known"),
        ([link(wal=None)], {}, NOW, "nothing is known"),
        ([link(days=7)], {}, NOW, "the newest full backup is"),
        ([link()], {}, None, "has a gap"),
        ([link()], {"timeline": 2}, NOW, "not on the timeline"),
        ([link()], {"system_identifier": "74"}, NOW, "not on the timeline"),
        ([link(wal=dataclasses.replace(WAL, included=True))], {}, NOW, "recovers no later moment"),
    ],
)
def test_where_the_log_is_none_a_full_one_is_made(
    tmp_path: Path, chain: list[Link], changes: dict[str, t.Any], until: datetime.datetime | None, cause: str
) -> None:
    choice = choose(known(tmp_path, *chain, until=until), dataclasses.replace(OLDER, **changes))
    assert choice.mode == "full"
    assert cause in choice.why


def test_a_refusal_makes_a_full_one_only_where_that_may_be() -> None:
    error = DatabaseError("PostgreSQL said 'WAL summaries are required'.", "See its log.")
    choice = physical_mode.refused(AUTO, link(), error)
    assert choice.mode == "full"
    assert choice.warnings == (f"A full backup is made: {choice.why}.",)
    with pytest.raises(DatabaseError, match="WAL summaries are required") as caught:
        physical_mode.refused(INCREMENTAL, link(), error)
    assert "mode: full" in caught.value.remedy
