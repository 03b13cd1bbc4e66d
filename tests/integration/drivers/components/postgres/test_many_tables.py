# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""More tables and indexes than a server has room to lock at once; both numbers are made small here."""

from __future__ import annotations

import contextlib
import re
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    locks,
    proof,
    snapshot,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DatabaseError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup
from faults import fault_fixtures
from postgres_fixtures import Cluster, start_cluster, stop_cluster

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLES = 400
DATABASE = "many"
NARROW = {
    "max_locks_per_transaction": "16",
    "max_connections": "10",
    "max_prepared_transactions": "0",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "max_worker_processes": "1",
    "autovacuum_max_workers": "1",
}


@pytest.fixture(scope="module")
def narrow() -> Iterator[Cluster]:
    """Yield a server with room for about two hundred locks, and a database with a thousand relations."""
    server = start_cluster(settings=NARROW)
    try:
        server.create(DATABASE)
        for start in range(0, TABLES, 50):
            server.execute(
                "".join(
                    f"CREATE TABLE public.t{number} (a integer PRIMARY KEY, b integer UNIQUE);"
                    f"INSERT INTO public.t{number} VALUES ({number}, 1);"
                    for number in range(start, start + 50)
                ),
                DATABASE,
            )
        yield server
    finally:
        stop_cluster(server)


@pytest.mark.parametrize("level", ["counts", "content"])
def test_a_proof_is_taken_of_more_than_can_be_locked_at_once(narrow: Cluster, level: str) -> None:
    taken = proof.take(narrow.login, DATABASE, None, level)
    assert [entry["rows"] for entry in taken["tables"]] == [1] * TABLES
    assert proof.compare(taken, proof.take(narrow.login, DATABASE, None, level, like=taken)) == []


def test_a_backup_says_beforehand_how_many_locks_it_needs(narrow: Cluster, tmp_path: Path) -> None:
    place = fault_fixtures.make(narrow, DATABASE, tmp_path)
    with pytest.raises(DatabaseError, match="cannot lock 400 tables at once") as caught:
        backup.back_up(place.request(), place.world())
    wanted = re.search(r"max_locks_per_transaction on the server to (\d+) or more \(now 16\)", caught.value.remedy)
    assert wanted is not None
    assert wanted[1] == "75"
    # One program at a time: each holds a lock on every catalogue that it reads, too.
    few = backup.back_up(place.request(tables=("public.t1", "public.t2"), jobs=1), place.world())
    assert few.facts["backup"]["rows"] == 2


def test_what_may_not_fit_is_a_warning(narrow: Cluster) -> None:
    with contextlib.closing(narrow.connect(DATABASE)) as session:
        tables = snapshot.read_tables(session)
        assert [finding.severity for finding in locks.findings(session, tables)] == ["error"]
        assert [finding.severity for finding in locks.findings(session, tables[:200])] == ["warning"]
        assert list(locks.findings(session, tables[:60])) == []
