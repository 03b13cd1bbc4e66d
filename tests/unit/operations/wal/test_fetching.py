# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is absent and what is an error: PostgreSQL ends a recovery at the one, and must not at the other."""

from __future__ import annotations

import os
import shutil
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import wal_files
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.timelines import (
    Ancestor,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import lbx
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import Signer
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    NotFound,
    RecoveryError,
    StoreError,
    Tampered,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.wal import fetching
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import reading
from wal_fixtures import FIRST, HISTORY, SECOND, SYSTEM, THIRD, Archive, segment

if t.TYPE_CHECKING:
    from pathlib import Path


def test_a_file_comes_back_as_it_was(filled: Archive, tmp_path: Path) -> None:
    for name, content in ((SECOND, segment(SECOND)), ("00000002.history", HISTORY)):
        assert fetching.fetch(filled.reader(), name, str(tmp_path / "RECOVERYXLOG"))
        assert (tmp_path / "RECOVERYXLOG").read_bytes() == content


def test_behind_the_end_of_the_log_a_file_is_absent(filled: Archive, tmp_path: Path) -> None:
    for name in ("000000010000000000000004", "00000001.history", "00000003.history", "000000020000000000000002"):
        assert not fetching.fetch(filled.reader(), name, str(tmp_path / "x"))
    assert [path for path in tmp_path.iterdir() if path.name == "x"] == []


@pytest.mark.parametrize("missing", [FIRST, SECOND])
def test_a_hole_is_an_error_that_names_both_sides(filled: Archive, tmp_path: Path, missing: str) -> None:
    filled.path(missing).unlink()
    with pytest.raises(fetching.Hole, match=f"{missing} is not in the store, and the store holds 0000000100000000"):
        fetching.fetch(filled.reader(), missing, str(tmp_path / "x"))


def test_a_history_whose_timeline_is_there_is_not_absent(filled: Archive, tmp_path: Path) -> None:
    filled.push(filled.write("000000020000000000000002", segment(SECOND)))
    filled.path("00000002.history").unlink()
    with pytest.raises(fetching.Hole, match="of timeline 2 the store holds 000000020000000000000002"):
        fetching.fetch(filled.reader(), "00000002.history", str(tmp_path / "x"))


@pytest.mark.parametrize("how", ["flipped", "cut", "swapped", "stranger"])
def test_the_last_segment_of_the_log_is_not_absent_when_it_was_altered(
    filled: Archive, tmp_path: Path, how: str
) -> None:
    path = filled.path(THIRD)
    content = path.read_bytes()
    name = f"shop/wal/{SYSTEM}/00000001/00000000/{THIRD}.lbx"
    stranger = lbx.Writer((filled.recovery.opening.recipient,), Signer.generate())
    path.write_bytes(
        {
            "flipped": content[:100] + bytes([content[100] ^ 1]) + content[101:],
            "cut": content[:-1],
            "swapped": filled.path(SECOND).read_bytes(),
            "stranger": b"".join(lbx.SealedFile(name, [segment(THIRD)], stranger)),
        }[how]
    )
    with pytest.raises(Tampered):
        fetching.fetch(filled.reader(), THIRD, str(tmp_path / "x"))
    assert not (tmp_path / "x").exists()


def test_a_store_that_is_gone_is_no_end_of_the_log(filled: Archive, tmp_path: Path) -> None:
    reader = filled.reader()
    shutil.move(filled.home / "store", filled.home / "elsewhere")
    with pytest.raises(StoreError) as caught:
        fetching.fetch(reader, "000000010000000000000004", str(tmp_path / "x"))
    assert not isinstance(caught.value, NotFound)


def test_what_a_stranger_put_in_the_way_is_passed_over(archive: Archive, tmp_path: Path) -> None:
    name = f"shop/wal/{SYSTEM}/00000001/00000000/{FIRST}.lbx"
    stranger = lbx.Writer((archive.recovery.opening.recipient,), Signer.generate())
    archive.store.put_new(name, b"".join(lbx.SealedFile(name, [segment(FIRST)], stranger)))
    archive.push(archive.write(FIRST))
    assert fetching.fetch(archive.reader(), FIRST, str(tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == segment(FIRST)


@pytest.mark.parametrize("limit", ["until", "compromised_since"])
def test_what_a_signer_that_ended_stored_before_stays(filled: Archive, tmp_path: Path, limit: str) -> None:
    ended = datetime(2026, 11, 1, tzinfo=UTC)
    filled.trust(2, **{limit: ended})
    for name, days in ((FIRST, -1), (SECOND, 1)):
        at = (ended + timedelta(days=days)).timestamp()
        os.utime(filled.path(name), (at, at))
    assert fetching.fetch(filled.reader(), FIRST, str(tmp_path / "x"))
    # Whoever has its key may go on to use it.
    with pytest.raises(Tampered, match=SECOND):
        fetching.fetch(filled.reader(), SECOND, str(tmp_path / "y"))


def test_a_name_that_is_none_and_a_place_that_is_none_are_errors(filled: Archive, tmp_path: Path) -> None:
    with pytest.raises(RecoveryError, match="no file of its log"):
        fetching.fetch(filled.reader(), "postgresql.conf", str(tmp_path / "x"))
    with pytest.raises(StoreError):
        fetching.fetch(filled.reader(), FIRST, str(tmp_path / "none" / "x"))


def test_a_lineage_is_known_without_a_key_and_checked_with_one(filled: Archive) -> None:
    assert filled.reader().lineage(2) == filled.reader().history(2) == (Ancestor(1, wal_files.lsn("0/2000148")),)
    name = f"shop/wal/{SYSTEM}/00000003/00000003.history.lbx"
    writer = lbx.Writer((filled.recovery.opening.recipient,), filled.signer)
    lying = lbx.SealedFile(name, [filled_history()], writer, lineage=((1, "0/9000000"),))
    filled.store.put_new(name, b"".join(lying))
    assert filled.reader().lineage(3) == (Ancestor(1, wal_files.lsn("0/9000000")),)
    with pytest.raises(Tampered, match=r"Head and content of the stored 00000003.history differ"):
        filled.reader().history(3)


def filled_history() -> bytes:
    from backports import zstd

    options = {zstd.CompressionParameter.checksum_flag: 1}
    return bytes(zstd.compress(HISTORY, options=options))


def test_what_nobody_signed_who_may_makes_no_hole(filled: Archive, tmp_path: Path) -> None:
    for name in ("00000001000000000000000F", "000000030000000000000002"):
        filled.junk(name)
    for name in ("000000010000000000000004", "00000003.history"):
        assert not fetching.fetch(filled.reader(), name, str(tmp_path / "x"))


def test_behind_much_of_that_a_hole_is_a_hole(filled: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LOOKED_AT", 2)
    reader = filled.reader()
    for number in (5, 6):
        filled.junk(f"00000001000000000000000{number}")
    fetching.require_absent(reader, wal_files.parse("000000010000000000000004"))
    filled.junk("000000010000000000000007")
    with pytest.raises(fetching.Hole):
        fetching.require_absent(reader, wal_files.parse("000000010000000000000004"))
