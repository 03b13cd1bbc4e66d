# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""wal-fetch as restore_command: only what the store confirms ends a recovery, and nothing ends a standby."""

from __future__ import annotations

import shutil
import typing as t

import pytest
from wal_fixtures import FIRST, HISTORY, SECOND, THIRD, Archive, segment


def test_a_recovery_gets_what_is_there_and_ends_where_nothing_follows(filled: Archive) -> None:
    assert filled.fetch(SECOND) == 0
    assert filled.fetched == segment(SECOND)
    assert [filled.fetch(name) for name in ("000000010000000000000004", "00000003.history")] == [1, 1]


def test_what_lacks_and_what_fails_stops_a_recovery_and_lets_a_standby_ask_again(
    filled: Archive, capfd: pytest.CaptureFixture[str]
) -> None:
    filled.path(SECOND).unlink()

    def statuses() -> list[int]:
        found = [filled.fetch(SECOND), filled.fetch("postgresql.conf"), filled.fetch(FIRST, "--key-file")]
        found.append(filled.fetch(FIRST, "--key-file", "/nowhere"))
        shutil.move(filled.home / "store", filled.home / "elsewhere")
        found.append(filled.fetch(FIRST))
        shutil.move(filled.home / "elsewhere", filled.home / "store")
        return found

    assert statuses() == [200] * 5
    assert f"{SECOND} is not in the store, and the store holds {THIRD}, which is later" in capfd.readouterr().err
    (filled.home / "data/standby.signal").touch()
    assert statuses() == [1] * 5
    assert f"{SECOND} is not in the store, and the store holds {THIRD}, which is later" in capfd.readouterr().err
    assert filled.fetch(FIRST) == 0


def test_a_host_without_a_key_knows_timelines_and_nothing_else(
    filled: Archive, capfd: pytest.CaptureFixture[str]
) -> None:
    words: t.Any = ("--key-file", "")
    assert filled.fetch("00000002.history", *words) == 0
    assert filled.fetched == b"1\t0/2000148\tas archived\n"
    assert filled.fetch("00000003.history", *words) == 1
    assert filled.fetch(FIRST, *words) == 200
    assert "A key that decrypts backups is needed" in capfd.readouterr().err
    # The number of a timeline is taken where anything of it is stored.
    filled.push(filled.write("000000030000000000000003", segment(THIRD)))
    assert filled.fetch("00000003.history", *words) == 200


@pytest.mark.parametrize("words", [(), ("--key-file", "")])
def test_a_history_of_a_stranger_takes_no_timeline(
    filled: Archive, capfd: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    filled.junk("00000003.history", HISTORY)
    assert filled.fetch("00000003.history", *words) == 1
    assert "00000003.history.lbx" in capfd.readouterr().err
    filled.push(filled.write("000000030000000000000004"))
    assert filled.fetch("00000003.history", *words) == 200
