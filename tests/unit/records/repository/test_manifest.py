# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A manifest is read back as it was written, and nothing that contradicts itself or its place is."""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components import base
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keys, seals
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import manifest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository

AT = datetime.datetime(2026, 11, 20, 3, 4, 5, 678900, tzinfo=datetime.UTC)
ID = "backup-20261120T030405Z-0123456789abcdef"


def _file(member: str, volume: int = 1) -> manifest.File:
    if member.isdigit():
        name = repository.member("shop", ID, int(member), volume)
    else:
        name = repository.detail("shop", ID, member)
    return manifest.File(name, member, volume, 100, "a" * 64, "b" * 64, 300)


RECORD = manifest.Manifest(
    application="shop",
    backup_id=ID,
    component="main/shop",
    kind="logical",
    scope="full",
    reason="manual",
    proof="counts",
    started=AT,
    finished=AT + datetime.timedelta(seconds=12),
    versions={"server": "15.18"},
    recipients=("0123456789abcdef",),
    parents=(),
    files=(_file("0001"), _file("0002"), _file("0002", 2), _file("detail"), _file("globals")),
)


def test_what_was_written_is_read() -> None:
    assert manifest.parse(RECORD.payload(), "shop", "main/shop", ID) == RECORD
    assert RECORD.size == 500
    assert RECORD.plain_size == 1500
    assert RECORD.seconds == 12
    assert RECORD.numbers == (1, 2)
    assert [file.volume for file in RECORD.of_member("0002")] == [1, 2]


def test_one_page_knows_every_scope() -> None:
    assert set(base.COMPARABLE) < set(base.WHOLE) < set(t.get_args(base.Scope))
    for name in t.get_args(base.Scope):
        parents = (base.Parent(ID, "a" * 64),) if name == "incremental" else ()
        record = dataclasses.replace(RECORD, scope=name, parents=parents)
        assert manifest.parse(record.payload(), "shop", "main/shop", ID) == record


WAL = base.WalRange("7312345678901234567", 3, 0x2000028, 0x12000100, 16 << 20, included=False)
PHYSICAL = dataclasses.replace(RECORD, kind="physical", wal=WAL)


def test_what_a_physical_backup_needs_is_said_in_public() -> None:
    told = json.loads(PHYSICAL.payload())["wal"]
    assert told == {
        "system_identifier": "7312345678901234567",
        "timeline": 3,
        "start": "0/2000028",
        "stop": "0/12000100",
        "segment_size": 16 << 20,
        "included": False,
    }
    assert manifest.parse(PHYSICAL.payload(), "shop", "main/shop", ID) == PHYSICAL
    assert WAL.segments == range(2, 19)
    assert dataclasses.replace(WAL, stop=0x12000000).segments == range(2, 18), "the end is not a part of it"


@pytest.mark.parametrize(
    "change",
    [
        {"system_identifier": "0"},
        {"system_identifier": "../1"},
        {"timeline": 0},
        {"timeline": 1 << 32},
        {"timeline": True},
        {"start": "0/02000028"},
        {"start": "0/200002g"},
        {"start": 33554472},
        {"start": "0/12000100"},
        {"stop": "0/a"},
        {"segment_size": 0},
        {"segment_size": 3 << 20},
        {"included": 1},
        {"surprise": 1},
    ],
)
def test_a_range_of_wal_that_is_not_as_it_must_be_is_refused(change: dict[str, t.Any]) -> None:
    record = json.loads(PHYSICAL.payload())
    record["wal"] |= change
    with pytest.raises(Tampered):
        manifest.parse(json.dumps(record).encode(), "shop", "main/shop", ID)


def test_a_physical_backup_alone_needs_wal_and_each_does() -> None:
    for record in (dataclasses.replace(PHYSICAL, wal=None), dataclasses.replace(PHYSICAL, kind="logical")):
        with pytest.raises(Tampered, match="a range of WAL"):
            manifest.parse(record.payload(), "shop", "main/shop", ID)


COPY = base.Copy("ab" * 32, checksums=True)


def test_what_the_next_copy_has_to_know_is_said_in_public() -> None:
    record = dataclasses.replace(PHYSICAL, copy=COPY)
    assert json.loads(record.payload())["copy"] == {"manifest_sha256": "ab" * 32, "checksums": True}
    assert manifest.parse(record.payload(), "shop", "main/shop", ID) == record


@pytest.mark.parametrize("change", [{"manifest_sha256": "AB" * 32}, {"manifest_sha256": 1}, {"checksums": 1}, {"a": 1}])
def test_what_of_it_is_not_as_it_must_be_is_refused(change: dict[str, t.Any]) -> None:
    record = json.loads(dataclasses.replace(PHYSICAL, copy=COPY).payload())
    record["copy"] |= change
    with pytest.raises(Tampered):
        manifest.parse(json.dumps(record).encode(), "shop", "main/shop", ID)


def test_a_physical_backup_alone_has_it() -> None:
    with pytest.raises(Tampered, match="a copy of a server's files"):
        manifest.parse(dataclasses.replace(RECORD, copy=COPY).payload(), "shop", "main/shop", ID)


def test_a_published_manifest_is_written_again_as_it_was() -> None:
    """Marks and receipts hold the hash of a manifest, so that the same one must always be the same bytes."""
    vectors = Path(__file__).resolve().parents[3] / "vectors"
    index = json.loads((vectors / "index.json").read_bytes())
    (case,) = index["manifests"]
    envelope = (vectors / case["file"]).read_bytes()
    payload = seals.open_record("manifest", envelope, [bytes.fromhex(root) for root in case["roots"]]).payload
    read = manifest.parse(payload, case["application"], case["component"], case["backup_id"])
    assert read.payload() == payload
    root = keys.RecoveryKey.from_hex(index["recovery_keys"]["owner"]["hex"]).root
    assert seals.seal_record("manifest", read.payload(), [root]) == envelope


def _changed(**fields: t.Any) -> bytes:
    return json.dumps({**json.loads(RECORD.payload()), **fields}).encode()


def _with_file(**fields: t.Any) -> bytes:
    record = json.loads(RECORD.payload())
    record["files"][0].update(fields)
    record["totals"]["size"] = sum(file["size"] for file in record["files"])
    record["totals"]["plain_size"] = sum(file["plain_size"] for file in record["files"])
    return json.dumps(record).encode()


@pytest.mark.parametrize(
    "payload",
    [
        _changed(format="lifeboat-manifest/2"),
        _changed(surprise=1),
        _changed(scope="most"),
        _changed(scope="incremental"),
        _changed(parents=[{"backup_id": ID, "manifest_sha256": "a" * 64}]),
        _changed(reason="because"),
        _changed(started="yesterday"),
        _changed(versions={"server": 15}),
        _changed(recipients=[1]),
        _changed(totals={"size": 1, "plain_size": 1500, "files": 5}),
        _changed(files=[]),
        _with_file(name="shop/data/another/0001.lbx"),
        _with_file(sha256="short"),
        _with_file(size=0),
        _with_file(volume=2),
        _with_file(member="²"),
        _with_file(member="٠٠٠١"),
        _with_file(member="00001"),
        _with_file(member="1" * 5000),
        _with_file(plain_size=10**400),
        b"{",
        b"[]",
    ],
)
def test_a_manifest_that_is_not_as_it_must_be_is_refused(payload: bytes) -> None:
    with pytest.raises(Tampered):
        manifest.parse(payload, "shop", "main/shop", ID)


@pytest.mark.parametrize(
    "place", [("other", "main/shop", ID), ("shop", "main/other", ID), ("shop", "main/shop", ID[:-1] + "0")]
)
def test_a_manifest_in_the_wrong_place_is_refused(place: tuple[str, str, str]) -> None:
    with pytest.raises(Tampered):
        manifest.parse(RECORD.payload(), *place)


def test_a_missing_volume_is_noticed() -> None:
    files = tuple(file for file in RECORD.files if (file.member, file.volume) != ("0002", 1))
    record = dataclasses.replace(RECORD, files=files)
    with pytest.raises(Tampered, match="no complete member 0002"):
        record.of_member("0002")
