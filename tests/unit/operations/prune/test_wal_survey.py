# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The write-ahead log goes after the base backups that needed it, and never before; on a real store."""

from __future__ import annotations

import json

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.base import WalRange
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import wal_files
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import lbx
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import Signer
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import base
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import codec, streams
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import StoreError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.workers import AT_ONCE
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import (
    prune,
    removal,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import names
from retention_fixtures import Killed, Mortal

SYSTEM = "7312345678901234567"
OTHER = "7399999999999999999"
SIZE = 16 << 20
POLICY = {"keep_within": "30d", "min_keep": 1}
COMPONENT = "main/@physical"


class Archived:
    """A store with base backups and the log of a hundred days, of which two segments a day were stored."""

    def __init__(self, sample_store):
        self.sample = sample_store
        for number in range(200):
            self.put(1, number)

    def put(self, timeline, number, system=SYSTEM, days=None):
        name = name_of(timeline, number, system)
        self.sample.store.put(name, [b"x" * 10])
        self.sample.age(name, (200 - number) / 2 if days is None else days)

    def history(self, timeline, *ancestors, signer=None):
        """Store the history of a timeline, given where it came from by number of segment."""
        name = names.name("shop", SYSTEM, wal_files.parse(wal_files.history(timeline)))
        lineage = tuple((one, wal_files.shown(int(number * SIZE))) for one, number in ancestors)
        writer = self.sample.opened().trusted_keys.writer(names.scope(SYSTEM), self.sample.now)
        writer = writer if signer is None else lbx.Writer(writer.recipients, signer)
        packed = codec.compress(streams.Peekable(iter([b"1\n"])), codec.Codec.parse("zstd"))
        self.sample.store.put_new(name, b"".join(lbx.SealedFile(name, packed, writer, lineage=lineage)))
        return name

    def base(self, days, timeline=1, system=SYSTEM, component=COMPONENT, **changes):
        """Store a base backup that needs a segment and a half of its time."""
        start = (200 - int(days * 2)) * SIZE + 40
        needs = WalRange(system, timeline, start, start + SIZE, SIZE, included=False)
        return self.sample.make(days, component=component, kind="physical", wal=needs, **changes)

    def run(self, *, dry_run=False, policy=None, **changes):
        return prune.prune(self.sample.request(policy or POLICY, **changes), self.sample.world(dry_run=dry_run))

    def log(self):
        """Return the segments that are there, by timeline and number."""
        return [(file.timeline, file.number(SIZE)) for name in self.sample.objects("wal") for file in segments(name)]


def segments(name):
    stored = names.parse("shop", name)
    return [stored.file] if stored and stored.file.kind == wal_files.SEGMENT else []


def name_of(timeline, number, system=SYSTEM):
    return names.name("shop", system, wal_files.parse(wal_files.segment(timeline, number, SIZE)))


def from_first(number, timeline=1):
    return [(timeline, each) for each in range(number, 200)]


@pytest.fixture
def archived(sample_store):
    return Archived(sample_store)


@pytest.fixture
def through(archived, monkeypatch):
    """Let everything go through a store in front of which a test stands."""

    def use(store):
        monkeypatch.setattr(catalogue.factory, "open_store", lambda *given, **named: store)

    return use


class Wrapped:
    def __init__(self, store, **changes):
        self._store = store
        self.__dict__.update(changes)

    def __getattr__(self, name):
        return getattr(self._store, name)

    def purge_all(self, names):
        return base.one_by_one(self.purge, names)


def test_the_log_goes_with_the_bases_that_needed_it_and_the_rest_has_no_hole(archived):
    gone, anchor, young = archived.base(40), archived.base(20), archived.base(8)
    planned = archived.run(dry_run=True)
    assert len(archived.log()) == 200
    done = archived.run()
    assert sorted(archived.sample.listed()) == sorted([anchor, young])
    assert archived.log() == from_first(160)
    assert (done.facts["wal"], done.before, done.after) == (planned.facts["wal"], planned.before, planned.after)
    assert done.facts["wal"] == {
        "deleted": 160,
        "kept": 40,
        "bytes_freed": 1600,
        "gaps": [],
        "reasons": [
            {
                "system_identifier": SYSTEM, "action": action, "first": wal_files.segment(1, first, SIZE),
                "last": wal_files.segment(1, last, SIZE), "objects": last - first + 1,
                "size": (last - first + 1) * 10, "reason": reason,
            }
            for action, first, last, reason in [
                ("delete", 0, 159, "older than 14d, and no base backup needs it"),
                ("keep", 160, 199, f"keep_wal 14d, from {anchor}"),
            ]
        ],
    }  # fmt: skip
    line = (
        f"WAL of {SYSTEM}  {wal_files.segment(1, 0, SIZE)} to {wal_files.segment(1, 159, SIZE)}  (160 files, 1.6 KiB)"
    )
    assert f"delete    {line}: older than 14d, and no base backup needs it" in done.after.splitlines()
    assert f"listed    {line}" in done.before.splitlines()
    assert "160 files of WAL deleted" in done.facts["summary"]
    assert gone in done.facts["deleted_backups"]
    assert not archived.run().changed


def test_a_base_that_the_store_holds_on_to_keeps_what_it_needs(archived, through):
    held = archived.base(40)
    archived.base(20)
    archived.base(8)
    store = archived.sample.store
    through(Wrapped(store, purge=lambda name: "retained" if held in name else store.purge(name)))
    done = archived.run()
    assert done.facts["retained"] == 1
    assert archived.log() == [(1, 120), (1, 121), *from_first(160)]


def test_the_log_goes_last_and_the_oldest_of_it_first(archived, through, monkeypatch):
    monkeypatch.setattr(removal, "WAVE", 1)
    archived.base(40)
    archived.base(20)
    order = []

    def purge(name):
        order.append(name)
        return archived.sample.store.purge(name)

    through(Wrapped(archived.sample.store, purge=purge))
    archived.run()
    kinds = [name.split("/")[1] for name in order]
    assert kinds.index("wal") > max(place for place, kind in enumerate(kinds) if kind != "wal")
    numbers = [file.number(SIZE) for name in order for file in segments(name)]
    assert sorted(numbers) == list(range(160))
    # So many are on their way at once.
    assert all(abs(number - place) < AT_ONCE for place, number in enumerate(numbers))


@pytest.mark.parametrize("at", [1, 3, 5, 9, 40, 120])
def test_a_killed_run_leaves_more_of_the_log_and_never_less(archived, through, at):
    archived.base(40)
    archived.base(20)
    archived.base(8)
    through(Mortal(archived.sample.store, at))
    with pytest.raises(Killed):
        archived.run()
    assert set(archived.log()) >= set(from_first(160))
    through(archived.sample.store)
    archived.sample.age_lock()
    archived.run()
    assert archived.log() == from_first(160)


def test_a_listing_that_fails_in_the_log_deletes_no_backup_either(archived, through):
    ids = [archived.base(days) for days in (40, 20, 8)]
    store = archived.sample.store

    def broken(prefix, after=""):
        yield from list(store.list(prefix, after))[:100]
        if "/wal/" in prefix:
            raise StoreError("The connection broke.", "Run again.")

    through(Wrapped(store, list=broken))
    with pytest.raises(StoreError, match="connection broke"):
        archived.run()
    assert sorted(archived.sample.listed()) == sorted(ids)
    assert len(archived.log()) == 200


def test_a_base_whose_manifest_somebody_hid_lets_all_of_the_log_stay(archived):
    hidden = archived.base(40)
    archived.base(20)
    archived.base(8)
    (archived.sample.root / repository.manifest("shop", COMPONENT, hidden)).unlink()
    done = archived.run(force=False)
    assert len(archived.log()) == 200
    [warning] = [said for said in done.warnings if "WAL" in said]
    assert warning == f"The WAL of server {SYSTEM} is kept: 1 backup that may need it are not listed."


def test_a_base_that_nobody_can_believe_lets_all_of_the_log_stay(archived):
    forged = archived.base(40)
    archived.base(20)
    (archived.sample.root / repository.manifest("shop", COMPONENT, forged)).write_bytes(b"{}")
    assert f"{forged}.json cannot be believed" in " ".join(archived.run().warnings)
    assert len(archived.log()) == 200


def test_more_than_the_share_stays_until_it_is_forced(archived):
    archived.base(20)
    archived.base(8)
    done = archived.run(force=False)
    assert len(archived.log()) == 200
    [warning] = done.warnings
    assert "160 of its 200 segments would go, more than 30 percent" in warning
    assert "force: true" in warning
    assert archived.run(force=True).facts["wal"]["deleted"] == 160


def test_one_cluster_leaves_the_log_of_others_alone_and_what_their_bases_need(archived):
    archived.base(20)
    archived.base(8)
    archived.base(45, component="moved/@physical")  # of the same server
    archived.base(10, component="moved/@physical", system=OTHER)
    for number in range(3):
        archived.put(1, number, OTHER, days=300)
    done = archived.run(cluster="main")
    assert [name for name in archived.sample.objects("wal") if OTHER in name] == [
        name_of(1, n, OTHER) for n in range(3)
    ]
    mine = [file.number(SIZE) for name in archived.sample.objects("wal") if SYSTEM in name for file in segments(name)]
    assert mine == [110, 111, *range(160, 200)]
    assert {one["system_identifier"] for one in done.facts["wal"]["reasons"]} == {SYSTEM}
    # Of a single database there is no log.
    assert archived.run(cluster="main", database="shop").facts["wal"]["reasons"] == []


def test_a_branch_is_known_by_the_heads_of_its_histories(archived):
    archived.base(20)
    for number in range(190, 196):
        archived.put(2, number)
    name = archived.history(2, (1, 190.5))
    archived.base(4, timeline=2)
    archived.run()
    assert archived.log() == [*from_first(160), *((2, number) for number in range(190, 196))]
    assert name in archived.sample.objects("wal")


def test_a_history_that_a_stranger_signed_is_none(archived):
    archived.base(20)
    archived.base(8)
    archived.put(2, 190)
    archived.history(2, (1, 190.5), signer=Signer.generate())
    done = archived.run()
    assert len(archived.log()) == 201
    assert "a timeline has no history that can be believed" in " ".join(done.warnings)


def test_a_gap_is_told(archived):
    archived.base(20)
    archived.base(8)
    for number in (170, 171):
        (archived.sample.root / name_of(1, number)).unlink()
    done = archived.run()
    assert done.facts["wal"]["gaps"] == [
        {
            "system_identifier": SYSTEM, "first": wal_files.segment(1, 170, SIZE),
            "last": wal_files.segment(1, 171, SIZE), "objects": 2,
        }
    ]  # fmt: skip
    assert any("2 segments" in said and "missing" in said for said in done.warnings)
    assert archived.log() == [place for place in from_first(160) if place[1] not in {170, 171}]


def test_without_a_base_nothing_goes(archived):
    archived.sample.make(1)
    done = archived.run()
    assert len(archived.log()) == 200
    assert {one["reason"] for one in done.facts["wal"]["reasons"]} == {
        "its server has no base backup, and archived within 14d"
    }


def test_somebody_who_reads_a_base_finds_the_log_from_there_to_the_end(archived):
    read = archived.base(50)
    archived.base(20)
    archived.base(8)
    announced = repository.reading("shop", read, "0123456789abcdef")
    archived.sample.store.put(announced, [json.dumps({"doing": "restores", "host": "db2"}).encode()])
    archived.run()
    assert archived.log() == from_first(100)
