# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""wal-push says 0 for what is stored and for nothing else, and a server's archive holds what its files held."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keys, lbx
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import Signer
from wal_fixtures import SIZE, Archive, segment

if t.TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND, THIRD = (f"00000001000000000000000{number}" for number in (1, 2, 3))
HISTORY = b"1\t0/2000148\tno recovery target specified\n"


def place(name: str) -> str:
    return f"{name[:8]}/{name[8:16]}/{name}.lbx"


def test_what_a_server_archives_is_stored_and_comes_back(archive: Archive) -> None:
    label = f"{FIRST}.00000028.backup"
    assert archive.push(archive.write(FIRST)) == 0
    assert archive.push(archive.write(label, b"START WAL LOCATION: 0/1000028")) == 0
    assert archive.push(archive.write("00000002.history", HISTORY)) == 0
    assert archive.push(archive.write(f"{SECOND}.partial")) == 0
    found = archive.stored()
    partial = next(name for name in found if ".partial." in name)
    assert found == sorted([place(FIRST), place(label), partial, "00000002/00000002.history.lbx"])
    assert archive.read(place(FIRST)) == segment(FIRST)
    assert archive.read(place(label)) == b"START WAL LOCATION: 0/1000028"
    assert archive.read("00000002/00000002.history.lbx") == HISTORY
    assert archive.read(partial) == segment(SECOND)


def test_a_file_that_is_stored_already_is_stored(archive: Archive) -> None:
    path = archive.write(FIRST)
    assert (archive.push(path), archive.push(path)) == (0, 0)
    assert archive.stored() == [place(FIRST)]


def test_another_content_under_the_same_name_is_another_server(archive: Archive, capfd: t.Any) -> None:
    assert archive.push(archive.write(FIRST)) == 0
    assert archive.push(archive.write(FIRST, segment(FIRST, fill=b"other"))) == 6
    assert "another server archives under timeline 1" in capfd.readouterr().err
    assert archive.read(place(FIRST)) == segment(FIRST)


def test_two_servers_that_leave_a_partial_segment_leave_both(archive: Archive) -> None:
    assert archive.push(archive.write(f"{FIRST}.partial")) == 0
    assert archive.push(archive.write(f"{FIRST}.partial", segment(FIRST, fill=b"other"))) == 0
    assert archive.push(archive.write(f"{FIRST}.partial", segment(FIRST, fill=b"other"))) == 0
    assert len(archive.stored()) == 2


@pytest.mark.parametrize("name", [FIRST, "00000002.history"])
def test_a_name_that_a_stranger_took_is_gone_round(archive: Archive, name: str) -> None:
    content = HISTORY if name.endswith("history") else segment(name)
    theirs = f"shop/wal/7312345678901234567/{place(name) if name == FIRST else '00000002/00000002.history.lbx'}"
    stranger = lbx.Writer((archive.recovery.opening.recipient,), Signer.generate())
    digest = keys.plaintext_digest(bytes(32), [content])
    archive.store.put_new(theirs, b"".join(lbx.SealedFile(theirs, [content], stranger, digest=digest)))
    path = archive.write(name, content)
    assert (archive.push(path), archive.push(path)) == (0, 0)
    (ours,) = (one for one in archive.stored() if not theirs.endswith(one))
    assert archive.read(ours) == content


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "has 0 bytes, where a segment of this server has 1048576"),
        (segment(FIRST)[:-1], "has 1048575 bytes"),
        (segment(FIRST) + b"x", "has 1048577 bytes"),
        (bytes(SIZE), "does not begin as a segment does"),
        (segment(FIRST, system="7312345678901234568"), "system identifier 7312345678901234568"),
        (segment(SECOND), f"says that it is {SECOND}"),
        (segment("000000020000000000000001"), "says that it is 000000020000000000000001"),
    ],
    ids=["empty", "short", "long", "zeros", "another_server", "renamed", "later_timeline"],
)
def test_what_is_not_what_its_name_says_is_not_stored(
    archive: Archive, content: bytes, cause: str, capfd: t.Any
) -> None:
    assert archive.push(archive.write(FIRST, content)) == 2
    assert cause in capfd.readouterr().err
    assert archive.stored() == []


def test_the_first_segment_of_a_timeline_begins_with_its_parents(archive: Archive) -> None:
    name = f"00000002{FIRST[8:]}"
    assert archive.push(archive.write(name, segment(FIRST))) == 0
    assert archive.read(place(name)) == segment(FIRST)


def test_a_history_tells_its_lineage_without_a_key(archive: Archive, capfd: t.Any) -> None:
    assert archive.push(archive.write("00000002.history", HISTORY)) == 0
    name = "shop/wal/7312345678901234567/00000002/00000002.history.lbx"
    head, _rest = lbx.read_head(archive.store.get(name), lbx.Expected(name, frozenset({archive.signer.public})))
    assert head.lineage == ((1, "0/2000148"),)
    assert archive.push(archive.write("00000003.history", b"3\t0/2000148\tno\n")) == 2
    assert "In 00000003.history, the history of timeline 3 does not ascend" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["postgresql.conf", "RECOVERYXLOG", "00000001000000000000000g"])
def test_other_files_are_no_wal(archive: Archive, name: str) -> None:
    assert archive.push(archive.write(name, b"x")) == 1
    assert archive.stored() == []


def test_what_the_server_asks_for_next_goes_along(archive: Archive) -> None:
    archive.write("00000002.history", HISTORY)
    archive.write(SECOND)
    archive.write(THIRD, bytes(SIZE))  # this one cannot be stored, which is no failure of the first
    assert archive.push(archive.write(FIRST)) == 0
    assert archive.stored() == [place(FIRST), place(SECOND), "00000002/00000002.history.lbx"]

    shutil.move(archive.home / "store", archive.home / "elsewhere")
    assert archive.push(f"pg_wal/{SECOND}") == 0
    assert archive.push("pg_wal/00000002.history") == 0
    assert archive.push(f"pg_wal/{THIRD}") == 2
    assert archive.push(f"pg_wal/{SECOND}") == 4, "a note counts once"


def test_a_note_is_of_one_file_and_of_the_settings_that_stored_it(archive: Archive) -> None:
    for again in ("another content", "another store"):
        archive.write(SECOND)
        assert archive.push(archive.write(FIRST)) == 0
        note = archive.spool / f"{SECOND}.ok"
        assert note.exists()
        if again == "another content":
            (archive.pg_wal / SECOND).unlink()
            archive.write(SECOND, segment(SECOND, fill=b"other"))
            assert archive.push(f"pg_wal/{SECOND}") == 6
        else:
            (archive.home / "another").mkdir()
            shutil.copytree(archive.home / "store" / "shop" / "trust", archive.home / "another" / "shop" / "trust")
            archive.configure(store={"url": f"file://{archive.home}/another"})
            assert archive.push(f"pg_wal/{SECOND}") == 0
            assert (archive.home / "another" / "shop" / "wal").exists()
        assert not note.exists()
        shutil.rmtree(archive.home / "store" / "shop" / "wal")


def test_a_note_that_nobody_will_ask_for_goes(archive: Archive) -> None:
    archive.write(SECOND)
    archive.push(archive.write(FIRST))
    (archive.pg_wal / "archive_status" / f"{SECOND}.ready").unlink()
    assert archive.push(archive.write(THIRD)) == 0
    assert not (archive.spool / f"{SECOND}.ok").exists()


def test_a_copy_of_the_server_archives_nothing(archive: Archive, capfd: t.Any) -> None:
    archive.write(FIRST)
    (archive.home / "data").rename(archive.home / "copy")
    (archive.home / "data").mkdir()
    assert archive.push(f"pg_wal/{FIRST}", "copy") == 2
    assert "is for the data directory" in capfd.readouterr().err
    assert archive.stored() == []


def test_a_signer_that_is_not_trusted_stores_nothing_until_it_is(archive: Archive, capfd: t.Any) -> None:
    shutil.rmtree(archive.home / "store" / "shop")
    archive.trust(1, "main/shop")
    path = archive.write(FIRST)
    assert archive.push(path) == 5
    assert "is not in trust file 1 of shop for wal/7312345678901234567" in capfd.readouterr().err
    archive.trust(2)
    assert archive.push(path) == 0


def test_trust_does_not_go_back(archive: Archive, capfd: t.Any) -> None:
    archive.trust(2)
    assert archive.push(archive.write(FIRST)) == 0
    os.utime(archive.spool / "trust.json", (0, 0))
    (archive.home / "store" / "shop" / "trust" / "00000002.json").unlink()
    assert archive.push(archive.write(SECOND)) == 6
    assert "has serial 1, but 2 was seen before" in capfd.readouterr().err


def test_the_recovery_key_alone_does_where_there_is_no_trust_file(archive: Archive, tmp_path: Path) -> None:
    shutil.rmtree(archive.home / "store" / "shop")
    key = tmp_path / "recovery.key"
    key.touch(0o600)
    key.write_text(archive.recovery.hex)
    archive.configure(keys={"recovery_key_file": str(key)})
    archive.signer = archive.recovery.root
    path = archive.write(FIRST)
    assert (archive.push(path), archive.push(path)) == (0, 0)
    assert archive.read(place(FIRST)) == segment(FIRST)


def test_without_settings_nothing_is_stored(archive: Archive, capfd: t.Any) -> None:
    path = archive.write(FIRST)
    archive.configure(cluster="other")
    assert archive.push(path) == 2
    assert "does not contain the settings of cluster main" in capfd.readouterr().err
    (archive.home / "config" / "wal" / "main" / "wal.json").unlink()
    assert archive.push(path) == 4
    assert "There is no" in capfd.readouterr().err


def test_two_calls_do_not_work_at_once(archive: Archive) -> None:
    path = archive.write(FIRST)
    with open(archive.spool / "push.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = archive.pushing(path)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.5)
        assert archive.stored() == []
    assert waiting.wait() == 0
    assert archive.stored() == [place(FIRST)]
