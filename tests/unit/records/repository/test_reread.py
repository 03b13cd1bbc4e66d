# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that the metrics call re-read are those that a verification really opened."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.directory import DirectoryStore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.verify import verification
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import receipts, reread

if t.TYPE_CHECKING:
    from sample_host import SampleHost

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


def verify(host: SampleHost, opened: set[str], **values: t.Any) -> set[str]:
    """Verify; give what was read."""
    opened.clear()
    verification.verify(verification.VerifyRequest(host.settings, **values), host.world())
    return set(opened)


def unread(sample: SampleHost) -> int:
    return int(sample.values()[f"lifeboat_objects_never_reread{{{PLACE}}}"])


def test_samples_add_up_day_by_day(sample: SampleHost, opened: set[str]) -> None:
    for hours in range(10):
        sample.back_up(hours=100 + hours, files=5)
    assert unread(sample) == 50
    ever: set[str] = set()
    for _day in range(6):
        ever |= verify(sample, opened, cluster="main", sample=20)
        assert unread(sample) == 50 - len(ever)
        sample.now += datetime.timedelta(days=1)
    assert 10 < len(ever) < 50
    verify(sample, opened, cluster="main")
    assert unread(sample) == 0


def test_what_came_later_was_not_read(sample: SampleHost, opened: set[str]) -> None:
    sample.back_up(hours=5)
    verify(sample, opened)
    sample.back_up(hours=-1)
    assert unread(sample) == 2


def test_other_clusters_and_failures_do_not_count(sample: SampleHost, opened: set[str]) -> None:
    sample.back_up(cluster="main", hours=5)
    sample.back_up(cluster="db2", hours=5)
    verify(sample, opened, cluster="db2")
    sample.log("verification", "failed", hours=0, component="main", sample=100, files_read=2)
    assert unread(sample) == 2
    verify(sample, opened)
    assert unread(sample) == 0


def test_of_one_backup_that_was_read_every_byte_was(sample: SampleHost, opened: set[str]) -> None:
    sample.back_up(hours=29, files=3)
    newest = sample.back_up(hours=5, files=4)
    verify(sample, opened, cluster="main", database="shop", backup=newest)
    assert unread(sample) == 3
    at = sample.now - datetime.timedelta(hours=5)
    assert sample.values()[f"lifeboat_backup_newest_reread_timestamp_seconds{{{PLACE}}}"] == at.timestamp()


def test_backups_that_went_take_nothing_of_what_was_read_with_them(sample: SampleHost, opened: set[str]) -> None:
    """Every day a sample is read, and the oldest backup goes: what a sample held of it counts for no other file."""
    backups = [sample.back_up(hours=300 - number, files=5) for number in range(12)]
    ever: set[str] = set()
    for gone in backups[:8]:
        ever |= verify(sample, opened, sample=10)
        for path in sorted((sample.home / "store").rglob("*")):
            if gone in str(path) and path.is_file():
                path.unlink()
        receipts.Receipts(str(sample.home / "state")).forget("shop", [gone])
        sample.now += datetime.timedelta(days=1)
        left = [name for name in store(sample) if name not in ever]
        assert unread(sample) == len(left)


def store(sample: SampleHost) -> list[str]:
    root = sample.home / "store"
    return [str(path.relative_to(root)) for path in root.rglob("*.lbx")]


def test_a_damaged_file_was_not_read(sample: SampleHost) -> None:
    identity = sample.back_up(files=3)
    sample.damage(f"shop/data/{identity}/0001.lbx")
    with pytest.raises(Tampered):
        verification.verify(verification.VerifyRequest(sample.settings), sample.world())
    assert unread(sample) == 1


def test_what_was_read_is_remembered_in_little_room(sample: SampleHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reread, "LARGEST", 4000)
    memory = reread.RereadFiles(str(sample.home / "state"), "here")
    ids = [repository.backup_id(sample.now - datetime.timedelta(days=days), "0" * 16) for days in range(100, 0, -1)]
    for identity in ids:
        memory.add("shop", [repository.member("shop", identity, number) for number in (1, 2)])
        memory.add("shop", [repository.member("shop", identity, 1)])
    path = sample.home / "state" / "reread.jsonl"
    assert path.stat().st_size < 5000
    assert memory.of("shop")[ids[-1]] == {"0001.lbx", "0002.lbx"}
    assert len(path.read_text().splitlines()) == len(memory.of("shop"))
    assert reread.RereadFiles(str(sample.home / "state"), "elsewhere").of("shop") == {}
    path.write_text('{"application":"shop","files":5,"store":"here"}\n[]\n')
    assert memory.of("shop") == {}
