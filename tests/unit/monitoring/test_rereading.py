# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that the metrics call re-read are those that a verification really opened."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.proving import verification
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.stores.directory import DirectoryStore

if t.TYPE_CHECKING:
    from shelf import Shelf

PLACE = 'application="shop",cluster="main",database="shop"'


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the files that were read since."""
    names: set[str] = set()
    real = DirectoryStore.get

    def get(store: DirectoryStore, name: str, *given: t.Any, **options: t.Any) -> t.Any:
        if name.endswith(".lbx"):
            names.add(name)
        return real(store, name, *given, **options)

    monkeypatch.setattr(DirectoryStore, "get", get)
    return names


def verify(shelf: Shelf, opened: set[str], **values: t.Any) -> set[str]:
    """Verify and write down what the module does; give what was read."""
    opened.clear()
    request = verification.VerifyRequest(shelf.settings, **values)
    facts = verification.verify(request, shelf.world()).facts
    read = set(opened)
    component = "/".join(filter(None, (request.cluster, request.database)))
    kept = {name: facts[name] for name in ("files_read", "sample", "level")}
    shelf.log("verification", hours=0, component=component, seconds=0.0, **kept)
    return read


def unread(shelf: Shelf) -> int:
    return int(shelf.values()[f"lifeboat_objects_never_reread{{{PLACE}}}"])


def test_samples_add_up_day_by_day(shelf: Shelf, opened: set[str]) -> None:
    for hours in range(10):
        shelf.back_up(hours=100 + hours, files=5)
    assert unread(shelf) == 50
    ever: set[str] = set()
    for _day in range(6):
        ever |= verify(shelf, opened, cluster="main", sample=20)
        assert unread(shelf) == 50 - len(ever)
        shelf.now += datetime.timedelta(days=1)
    assert 10 < len(ever) < 50
    verify(shelf, opened, cluster="main")
    assert unread(shelf) == 0


def test_what_came_later_was_not_read(shelf: Shelf, opened: set[str]) -> None:
    shelf.back_up(hours=5)
    verify(shelf, opened)
    shelf.back_up(hours=-1)
    assert unread(shelf) == 2


def test_other_clusters_and_failures_do_not_count(shelf: Shelf, opened: set[str]) -> None:
    shelf.back_up(cluster="main", hours=5)
    shelf.back_up(cluster="db2", hours=5)
    verify(shelf, opened, cluster="db2")
    shelf.log("verification", "failed", hours=0, component="main", sample=100, files_read=2)
    assert unread(shelf) == 2
    verify(shelf, opened)
    assert unread(shelf) == 0


def test_a_restore_test_reads_its_backup_whole(shelf: Shelf) -> None:
    shelf.back_up(hours=29, files=3)
    newest = shelf.back_up(hours=5, files=4)
    shelf.validated(newest)
    assert unread(shelf) == 3
    at = shelf.now - datetime.timedelta(hours=5)
    assert shelf.values()[f"lifeboat_backup_newest_reread_timestamp_seconds{{{PLACE}}}"] == at.timestamp()
