# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is stored of a segment that is not whole: the most of it that can be believed, and nothing else."""

from __future__ import annotations

import os
import struct
import typing as t
from datetime import UTC, datetime

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    wal_files,
    wal_header,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import lbx
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import Signer
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import NotFound, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal import fetching
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal.old_wal import OldWal
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal.sources import Sources
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal.tails import Tails
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import trusted_keys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import archive as archives
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import names, settings, unfinished
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal.contents import Server
from wal_fixtures import CLUSTER, SIZE, SYSTEM, Archive, segment

if t.TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND, THIRD = (f"00000001000000000000000{number}" for number in (1, 2, 3))
FILE = wal_files.parse(SECOND)
PAGE = 8192


def written(pages: int, name: str = SECOND) -> bytes:
    """Return a segment of which so many pages were written."""
    content = bytearray(segment(name))
    header = wal_header.read(bytes(content))
    for page in range(1, pages):
        struct.pack_into("=HHIQ", content, page * PAGE, 0xD110, 0, header.timeline, header.position + page * PAGE)
        content[page * PAGE + 24] = page % 255 + 1
    return bytes(content)


def tails(archive: Archive) -> Tails:
    told = settings.read(str(archive.home / "config"), CLUSTER)
    now = datetime.now(UTC)
    return Tails(told, archive.store, trusted_keys.load(told.keys, archive.store, "shop"), now)


def lengths(archive: Archive) -> list[int]:
    return [tail.length for _info, tail in archive.reader().tails(SECOND)]


def found(archive: Archive) -> tuple[unfinished.Unfinished | None, list[str]]:
    refused: list[str] = []
    return unfinished.find(archive.reader(), FILE, refused.append), refused


def forged(archive: Archive, length: int) -> None:
    """Put a tail there that somebody else has signed."""
    name = names.tail("shop", SYSTEM, SECOND, length)
    stranger = lbx.Writer((archive.recovery.opening.recipient,), Signer.generate())
    archive.store.put_new(name, b"".join(lbx.SealedFile(name, [segment(SECOND)[:length]], stranger)))


def test_pages_count_as_far_as_they_follow_one_another() -> None:
    assert [wal_header.written(written(pages)) for pages in (1, 2, 7)] == [PAGE, 2 * PAGE, 7 * PAGE]
    # What the file held when it had another name is behind them.
    recycled = written(3)[: 3 * PAGE] + written(SIZE // PAGE, FIRST)[3 * PAGE :]
    assert wal_header.written(recycled) == 3 * PAGE
    assert wal_header.written(written(SIZE // PAGE)) == SIZE
    with pytest.raises(ValueError, match="does not begin as a segment does"):
        wal_header.written(bytes(PAGE))


def test_the_newest_two_are_kept_and_a_repetition_finds_its_own(archive: Archive) -> None:
    for pages in (1, 2, 3, 3):
        tails(archive).keep(FILE, written(pages))
    assert len(lengths(archive)) == 2
    one, refused = found(archive)
    assert one
    assert (one.content, one.written, refused) == (written(3), 3 * PAGE, [])
    tails(archive).drop(FILE)
    assert found(archive) == (None, [])


def test_a_name_that_a_stranger_took_is_passed_over(archive: Archive) -> None:
    length = len(written(2).rstrip(b"\0"))
    forged(archive, length)
    forged(archive, length + 1)
    tails(archive).keep(FILE, written(1))
    assert length in lengths(archive)
    one, refused = found(archive)
    assert one
    assert one.content == written(1)
    assert [name for name in refused if f"{length:08X}" in name]


def test_what_is_behind_the_last_whole_segment_is_no_hole_and_what_is_before_it_is_one(
    archive: Archive, tmp_path: Path
) -> None:
    archive.push(archive.write(FIRST))
    forged(archive, 5000)
    destination = str(tmp_path / "x")
    # A stranger's tail makes no hole, and is no log.
    assert not fetching.fetch(Sources(archive.reader()), SECOND, destination)
    tails(archive).keep(wal_files.parse(THIRD), written(1, THIRD))
    with pytest.raises(fetching.Hole, match=f"{SECOND} is not in the store, and the store holds {THIRD}"):
        fetching.fetch(Sources(archive.reader()), SECOND, destination)
    assert fetching.fetch(Sources(archive.reader()), THIRD, destination)
    listed = archives.listed(archive.store, "shop", {SYSTEM: SIZE}, SYSTEM)[SYSTEM]
    assert list(unfinished.behind(listed, archive.reader().signed)) == [(1, 3)]


def test_many_names_of_a_stranger_hide_no_tail(archive: Archive) -> None:
    archive.push(archive.write(FIRST))
    tails(archive).keep(FILE, written(2))
    for length in range(SIZE - 70, SIZE):
        archive.forge(names.tail("shop", SYSTEM, SECOND, length), b"x")
    archive.forge(names.tail("shop", SYSTEM, "0000000100000000000000FF", 100), b"x")
    one, [told] = found(archive)
    assert one
    assert one.content == written(2)
    assert "and 67 more" in told
    listed, reader = archives.listed(archive.store, "shop", {SYSTEM: SIZE}, SYSTEM)[SYSTEM], archive.reader()
    assert list(unfinished.behind(listed, reader.signed)) == [(1, 2)]
    looked = unfinished.stored(listed, reader, FILE)
    assert looked
    assert looked[1] == len(written(2).rstrip(b"\0"))


def test_where_what_was_deleted_stays_nothing_is_streamed(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    tails(archive).prove()
    assert not list(archive.store.list(f"shop/wal/{SYSTEM}/stream/"))
    monkeypatch.setattr(type(archive.store), "purge", lambda _self, _name: "retained")
    with pytest.raises(UsageError, match="keeps what was deleted"):
        tails(archive).prove()


@pytest.fixture
def old(archive: Archive) -> OldWal:
    """A directory in which there is what a hostile user may put there, beside two segments and a history."""
    archive.write(FIRST, written(SIZE // PAGE, FIRST), ready=False)
    archive.write(SECOND, written(2), ready=False)
    archive.write("00000002.history", b"1\t0/2000148\tno recovery target specified\n", ready=False)
    archive.write("00000003.history", b"no history", ready=False)
    archive.write("000000010000000000000004", segment(FIRST), ready=False)  # a segment of before, under a name to come
    archive.write("000000010000000000000005", segment("000000010000000000000005", system="1"), ready=False)
    archive.write("000000010000000000000006", segment("000000010000000000000006")[:100], ready=False)
    secret = archive.home / "secret"
    secret.write_bytes(segment("000000010000000000000007"))
    (archive.pg_wal / "000000010000000000000007").symlink_to(secret)
    os.link(secret, archive.pg_wal / "000000010000000000000008")
    os.mkfifo(archive.pg_wal / "000000010000000000000009")
    return OldWal(str(archive.pg_wal), Server(SYSTEM, SIZE), os.geteuid())


def test_what_a_stopped_server_has_counts_if_it_is_its_own(old: OldWal, archive: Archive) -> None:
    assert {FIRST, SECOND} <= set(old.segments) <= {FIRST, SECOND, "000000010000000000000006"}
    assert list(old.histories) == [2]
    assert old.segment(wal_files.parse("000000010000000000000006")) is None
    assert OldWal(str(archive.pg_wal), Server(SYSTEM, SIZE), 12345).segments == {}
    assert OldWal("/nowhere", Server(SYSTEM, SIZE), os.geteuid()).segments == {}


def test_what_is_stored_whole_counts_and_of_the_rest_whoever_has_most(
    old: OldWal, archive: Archive, tmp_path: Path
) -> None:
    assert archive.push(archive.write(FIRST, segment(FIRST, fill=b"stored"), ready=False)) == 0
    sources = Sources(archive.reader(), old)

    def fetched(name: str) -> bytes:
        assert fetching.fetch(sources, name, str(tmp_path / "x"))
        return (tmp_path / "x").read_bytes()

    assert fetched(FIRST) == segment(FIRST, fill=b"stored")
    assert fetched(SECOND) == written(2)
    assert fetched("00000002.history").startswith(b"1\t0/2000148")
    assert sources.gained == {SECOND, "00000002.history"}
    tails(archive).keep(FILE, written(3))
    assert fetched(SECOND) == written(3)
    with pytest.raises(NotFound):
        next(sources.read(wal_files.parse(THIRD)))
