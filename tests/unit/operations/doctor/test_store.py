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
    from sample_host import SampleHost


def tried(sample: SampleHost) -> tuple[str, str]:
    """Return the result of the doctor's check of the store, and what it says."""
    request = doctor.ExamineRequest(sample.settings, cluster="main", only=("store",), fail_on="never")
    [check] = doctor.make_checks(request, sample.world())
    return check.result, check.cause


def remove(sample: SampleHost, identity: str) -> None:
    """Take a backup away, as retention does: its manifest, then its files."""
    next((sample.home / "store").rglob(f"{identity}.json")).unlink()
    for part in ("data", "details"):
        shutil.rmtree(sample.home / "store" / "shop" / part / identity)
    receipts.Receipts(str(sample.home / "state")).forget("shop", [identity])


def test_what_retention_takes_away_meanwhile_does_not_come_back(
    sample: SampleHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays, goes = sample.back_up(hours=30), sample.back_up(hours=5)
    real = DirectoryStore.put_new

    def removed_before(store: DirectoryStore, *given: t.Any, **named: t.Any) -> t.Any:
        remove(sample, goes)
        return real(store, *given, **named)

    monkeypatch.setattr(DirectoryStore, "put_new", removed_before)
    assert tried(sample)[0] == "ok"
    opened = catalogue.open_repository(sample.settings, sample.world())
    assert [backup.manifest.backup_id for backup in opened.backups()] == [stays]
    assert opened.problems == []


def test_nothing_is_written_where_it_is_there(sample: SampleHost) -> None:
    sample.back_up()
    before = {path: path.read_bytes() for path in (sample.home / "store").rglob("*") if path.is_file()}
    assert "tested by a write that the store had to reject" in tried(sample)[1]
    assert before == {path: path.read_bytes() for path in (sample.home / "store").rglob("*") if path.is_file()}


def test_a_host_that_may_not_read_it_tries_an_upload(sample: SampleHost, monkeypatch: pytest.MonkeyPatch) -> None:
    sample.back_up()
    real = DirectoryStore.get

    def refused(store: DirectoryStore, name: str, *given: t.Any, **named: t.Any) -> t.Any:
        if name.endswith(".lbx"):
            raise AccessDenied("Access is denied.", "")
        return real(store, name, *given, **named)

    monkeypatch.setattr(DirectoryStore, "get", refused)
    result, cause = tried(sample)
    assert result == "ok"
    assert "aborted" in cause
