# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Retention in a file system in which not a single byte or name is free, with the host's own memory on it, too."""

from __future__ import annotations

import contextlib
import errno
import itertools
import subprocess
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Full
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.receipts import Receipt
from retention_fixtures import SampleStore

if t.TYPE_CHECKING:
    from pathlib import Path

POLICY = {"keep_within": "30d", "min_keep": 1}


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=128", "lifeboat-test", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def fill(home, *, names):
    """Leave no room for data and, with `names`, none for another file either."""
    with (home / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))
    if names:
        with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is looked at below
            _touch_for_ever(home)
        assert caught.value.errno == errno.ENOSPC


def _touch_for_ever(home: Path) -> None:
    for number in itertools.count():
        (home / f"filler-{number}").touch()


@pytest.mark.parametrize("names", [False, True])
def test_retention_runs_in_a_store_that_is_completely_full(small, names):
    sample_store = SampleStore(small)
    stays = [sample_store.make(days) for days in (0, 1, 2)]
    gone = [sample_store.make(days) for days in (40, 41, 42)]
    for identity in gone:
        sample_store.opened().receipts.add(
            Receipt("shop", "main/shop", identity, "0" * 64, "full", "scheduled", "2026", 1, 1)
        )
    fill(small, names=names)
    with pytest.raises(Full):
        sample_store.store.put_new("shop/probe", b"x")
    planned = prune.prune(sample_store.request(POLICY), sample_store.world(dry_run=True))
    done = prune.prune(sample_store.request(POLICY), sample_store.world())
    assert planned.facts["deleted_backups"] == done.facts["deleted_backups"] == sorted(gone)
    assert sorted(sample_store.listed()) == sorted(stays)
    assert {identity for identity, said in sample_store.opened().marks().items() if said.expired} == set(gone)
    assert repository.lock("shop", "retention") not in sample_store.objects()
    found = listing.list_backups(listing.ListRequest(sample_store.settings), sample_store.world())
    assert [one for one in found.facts["problems"] if one["kind"] == "missing"] == []
    assert not prune.prune(sample_store.request(POLICY), sample_store.world()).changed
