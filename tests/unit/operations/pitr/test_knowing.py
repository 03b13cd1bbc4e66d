# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known before a recovery is not for a stranger to decide, nor for whoever owned the stopped server."""

from __future__ import annotations

import os
import types
import typing as t
from datetime import UTC, datetime

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.base import WalRange
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import NotFound, Tampered
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr import knowing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.planning import Planner
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal import fetching
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal.old_wal import OldWal
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import targets
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.bases import Base
from wal_fixtures import SIZE, SYSTEM, Archive

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.pitr.plan import Plan

FIRST, SECOND, THIRD, FOURTH, FIFTH = (f"00000001000000000000000{number}" for number in range(1, 6))


def know(archive: Archive, *, old: bool = False) -> knowing.Known:
    """Return what is known of a server whose base backup is within its first segment."""
    at = datetime(2026, 11, 28, tzinfo=UTC)
    wal = WalRange(SYSTEM, 1, SIZE + 40, SIZE + 400, SIZE, included=False)
    manifest = types.SimpleNamespace(
        component="postgres/main/all", backup_id="backup-1", started=at, finished=at, wal=wal
    )
    backup = t.cast("t.Any", types.SimpleNamespace(manifest=manifest))
    reader = archive.reader()
    opened = t.cast("t.Any", types.SimpleNamespace(store=archive.store, application="shop", trusted_keys=reader._keys))
    look = (lambda server: OldWal(str(archive.pg_wal), server, os.geteuid())) if old else None
    return knowing.of_server(opened, backup, {"backup-1": backup}, look)


def latest(known: knowing.Known) -> Plan:
    bases = [Base.of(one) for one in known.backups.values()]
    return Planner(bases, known.archive, known.tree, lambda _timeline, _number: ()).plan(targets.parse("latest"))


def stored(archive: Archive, *names: str) -> None:
    for name in names:
        assert archive.push(archive.write(name)) == 0
        (archive.pg_wal / name).unlink()


def test_what_a_stranger_put_behind_the_end_ends_no_recovery(archive: Archive, tmp_path: Path) -> None:
    stored(archive, FIRST, SECOND)
    for name in (FOURTH, FIFTH, "000000FE0000000000000002"):
        archive.junk(name)
    for name in ("00000002.history", "000000FE.history"):
        archive.junk(name, b"1\t0/180000\tno reason\n")
    known = know(archive)
    plan = latest(known)
    assert (plan.branch.timeline, plan.first, plan.last) == (1, 1, 2)
    for name in (f"2 segments from {FOURTH}", "/00000002.history.lbx", "/000000FE.history.lbx"):
        assert len([told for told in known.sources.refused if name in told]) == 1
    # At the end PostgreSQL asks for what follows, and for timelines that are taken.
    for name in (THIRD, "00000002.history"):
        assert not fetching.fetch(known.sources, name, str(tmp_path / "x"))
    stored(archive, FOURTH)
    known = know(archive)
    with pytest.raises(NotFound, match=f"{THIRD} is not stored"):
        latest(known)


def test_what_directly_follows_the_end_may_be_the_last_segment_altered(archive: Archive, tmp_path: Path) -> None:
    stored(archive, FIRST, SECOND)
    archive.junk(THIRD)
    known = know(archive)
    assert latest(known).last == 3
    with pytest.raises(Tampered, match=THIRD):
        fetching.fetch(known.sources, THIRD, str(tmp_path / "x"))


def test_a_history_that_nobody_signed_leaves_nothing_out_that_is_stored(archive: Archive) -> None:
    stored(archive, FIRST, SECOND, THIRD)
    for timeline, position in ((2, "0/200148"), (3, "0/400148")):
        archive.write(f"0000000{timeline}.history", f"1\t{position}\tno reason\n".encode(), ready=False)
    known = know(archive, old=True)
    assert latest(known).branch.timeline == 3
    assert known.archive.timelines == (1, 3)
    [told] = known.sources.refused
    assert "00000002.history in pg_wal of the stopped server leaves timeline 1 at 0/200148" in told


def test_one_that_leaves_a_timeline_before_the_newest_does_not_count(archive: Archive) -> None:
    stored(archive, FIRST, SECOND)
    archive.push(archive.write("00000002.history", b"1\t0/300000\tno reason\n"))
    (archive.pg_wal / "00000002.history").unlink()
    stored(archive, "000000020000000000000003")
    archive.write("00000009.history", b"1\t0/400148\tno reason\n", ready=False)
    known = know(archive, old=True)
    assert latest(known).branch.timeline == 2
    assert [told for told in known.sources.refused if "00000009.history" in told]
