# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup that succeeds while others write, truncate, rewrite and replace tables is the state of one moment."""

from __future__ import annotations

import typing as t

from faults import fault_fixtures, writers

if t.TYPE_CHECKING:
    from pathlib import Path

    from postgres_fixtures import ClusterFactory, DatabaseFactory

COUNT = 25
SEED = 20261121


def test_backups_beside_writers_equal_their_snapshots(
    cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path, capsys: t.Any
) -> None:
    server = cluster()
    name = database()
    writers.prepare(server, name)
    place = fault_fixtures.make(server, name, tmp_path)

    tally = writers.back_up_beside_writers(place, COUNT, SEED)

    with capsys.disabled():
        print(f"\nwriters: {tally}")
    assert tally.wrong == []
    assert tally.equal >= COUNT // 2
    assert tally.equal + tally.refused.total() == COUNT
    assert set(tally.refused) <= {"Busy", "DatabaseError"}
    assert len(tally.changes) == len(writers.CHANGES)
    assert tally.longest < writers.PATIENCE
