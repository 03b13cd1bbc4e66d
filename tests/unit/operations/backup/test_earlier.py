# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that may only write knows the chain of its backups by its own memory."""

from __future__ import annotations

import dataclasses
import datetime
import types
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.base import Copy
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import AccessDenied
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import earlier
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.receipts import (
    Receipt,
    Receipts,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.source import Known

COMPONENT = "ma%2Fin/@physical"
NOW = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)


def refuse(*_asked: object) -> t.NoReturn:
    raise AccessDenied("This host may only write.", "Grant it more.")


def receipt(day: int, scope: str = "incremental", reason: str = "scheduled", copy: str = "a" * 64) -> Receipt:
    at = f"2026-11-{day:02}T03:00:00+00:00"
    backup_id = f"backup-202611{day:02}T030000Z-{day:016x}"
    made = Receipt("shop", COMPONENT, backup_id, "0" * 64, scope, reason, at, 1, 1, began=at)
    return dataclasses.replace(made, copy_sha256=copy, checksums=bool(copy))


def known(state: Path, *receipts: Receipt) -> Known:
    memory = Receipts(str(state))
    for one in receipts:
        memory.add(one)
    opened: t.Any = types.SimpleNamespace(application="shop", receipts=memory, find=refuse)
    settings = types.SimpleNamespace(state_dir=str(state), application="shop", place="file:///srv")
    request: t.Any = types.SimpleNamespace(repository=settings, source=types.SimpleNamespace(kind="physical"))
    return earlier.known(opened, request, COMPONENT, NOW)


def test_its_chain_begins_with_the_newest_full_one(tmp_path: Path) -> None:
    emergency = receipt(26, "full", "emergency")
    found = known(tmp_path, receipt(22), receipt(23, "full"), receipt(24), receipt(25), emergency)
    assert found.previous
    assert found.previous.backup_id == receipt(25).backup_id
    assert [one.backup_id for one in found.chain] == [receipt(day).backup_id for day in (23, 24, 25)]
    assert {one.copy for one in found.chain} == {Copy("a" * 64, checksums=True)}
    assert {one.wal for one in found.chain} == {None}


def test_one_without_a_hash_of_its_manifest_has_none(tmp_path: Path) -> None:
    assert [one.copy for one in known(tmp_path, receipt(23, "full", copy="")).chain] == [None]


def test_each_store_and_application_has_a_memory_of_its_own(tmp_path: Path) -> None:
    found = known(tmp_path)
    assert (found.previous, found.chain) == (None, ())
    assert found.memory
    assert found.memory.startswith(f"{tmp_path}/physical/ma%2Fin/shop@")
