# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which databases are backed up: nobody hides one by its name, and what a restore left is not among them."""

from __future__ import annotations

import contextlib
import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.connection import (
    connect,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.databases.discovery import (
    DiscoveryRequest,
    find_databases,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.host.restores import History, Restored

if t.TYPE_CHECKING:
    from pathlib import Path

KEPT = "shop_before_20261121_020000"
STAGING_DATABASES = "shop_lifeboat_0123abcd"


def world() -> World:
    return World(lambda: datetime.datetime.now(datetime.UTC), lambda _seconds: None, {})


@pytest.fixture
def server(cluster: t.Any) -> t.Iterator[t.Any]:
    found = cluster()
    found.execute("CREATE ROLE mallory LOGIN CREATEDB")
    yield found
    for name in (KEPT, STAGING_DATABASES):
        found.drop(name)
    found.execute("DROP ROLE mallory")


def discover(server: t.Any, state: Path) -> t.Any:
    return find_databases(DiscoveryRequest(server.login, include=("shop*",), state_dir=str(state)), world())


def test_an_owner_cannot_hide_his_database_by_a_name(server: t.Any, tmp_path: Path) -> None:
    with contextlib.closing(connect(server.as_role("mallory"), "postgres")) as session:
        for name in (KEPT, STAGING_DATABASES):
            session.execute(f"CREATE DATABASE {name}")
    found = discover(server, tmp_path)
    assert found.facts["names"] == [KEPT, STAGING_DATABASES]
    assert [name in warning for name, warning in zip((KEPT, STAGING_DATABASES), found.warnings, strict=True)] == [
        True,
        True,
    ]


def test_what_a_restore_fills_or_keeps_is_left_out(server: t.Any, tmp_path: Path) -> None:
    for name in (KEPT, STAGING_DATABASES):
        server.create(name)
    oid = server.execute(f"SELECT oid::bigint FROM pg_database WHERE datname = '{KEPT}'")[0][0]
    restored = Restored("db1", "shop", 1, "main/shop", "backup-1", "", "2026-11-21T02:00:00Z", 1.0, 1, KEPT, oid)
    History(str(tmp_path)).add(restored)
    found = discover(server, tmp_path)
    assert (found.facts["names"], found.warnings) == ([], ())
