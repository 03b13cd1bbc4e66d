# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trying to write brings back no backup that retention takes away at the same moment."""

from __future__ import annotations

import shutil
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.directory import DirectoryStore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import AccessDenied
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor import doctor
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue, receipts

if t.TYPE_CHECKING:
    import pytest
    from shelf import Shelf


def tried(shelf: Shelf) -> tuple[str, str]:
    """Return the result of the doctor's check of the store, and what it says."""
    request = doctor.ExamineRequest(shelf.settings, cluster="main", only=("store",), fail_on="never")
    [check] = doctor.make_checks(request, shelf.world())
    return check.result, check.cause


def remove(shelf: Shelf, identity: str) -> None:
    """Take a backup away, as retention does: its manifest, then its files."""
    next((shelf.home / "store").rglob(f"{identity}.json")).unlink()
    for part in ("data", "details"):
        shutil.rmtree(shelf.home / "store" / "shop" / part / identity)
    receipts.Receipts(str(shelf.home / "state")).forget("shop", [identity])


def test_what_retention_takes_away_meanwhile_does_not_come_back(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    stays, goes = shelf.back_up(hours=30), shelf.back_up(hours=5)
    real = DirectoryStore.put_new

    def removed_before(store: DirectoryStore, *given: t.Any, **named: t.Any) -> t.Any:
        remove(shelf, goes)
        return real(store, *given, **named)

    monkeypatch.setattr(DirectoryStore, "put_new", removed_before)
    assert tried(shelf)[0] == "ok"
    opened = catalogue.open_repository(shelf.settings, shelf.world())
    assert [backup.manifest.backup_id for backup in opened.backups()] == [stays]
    assert opened.anomalies == []


def test_nothing_is_written_where_it_is_there(shelf: Shelf) -> None:
    shelf.back_up()
    before = {path: path.read_bytes() for path in (shelf.home / "store").rglob("*") if path.is_file()}
    assert "tried by a write that the store had to turn down" in tried(shelf)[1]
    assert before == {path: path.read_bytes() for path in (shelf.home / "store").rglob("*") if path.is_file()}


def test_a_host_that_may_not_read_it_tries_an_upload(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.back_up()
    real = DirectoryStore.get

    def refused(store: DirectoryStore, name: str, *given: t.Any, **named: t.Any) -> t.Any:
        if name.endswith(".lbx"):
            raise AccessDenied("The store refuses it.", "")
        return real(store, name, *given, **named)

    monkeypatch.setattr(DirectoryStore, "get", refused)
    result, cause = tried(shelf)
    assert result == "ok"
    assert "broken off" in cause
