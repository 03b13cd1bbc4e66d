# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and positions of a write-ahead log are named and read as PostgreSQL does."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import wal_files
from hypothesis import given
from hypothesis import strategies as st

SIZE = wal_files.DEFAULT_SIZE


@pytest.mark.parametrize(("text", "number"), [("0/3000148", 0x3000148), ("1A/FF0000A0", 0x1AFF0000A0), ("0/0", 0)])
def test_a_position_is_a_number(text: str, number: int) -> None:
    assert wal_files.lsn(text) == number
    assert wal_files.shown(number) == text


@pytest.mark.parametrize("text", ["", "3000148", "x/y", "0/1/2", "0/123456789", " 0/1", "-1/1", "0/+1"])
def test_what_is_no_position_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        wal_files.lsn(text)


@pytest.mark.parametrize(
    ("name", "kind", "timeline", "number"),
    [
        ("000000010000000000000001", "segment", 1, 1),
        ("0000000A00000002000000FF", "segment", 10, 767),
        ("000000020000000100000000.partial", "partial", 2, 256),
        ("000000010000000000000004.00000028.backup", "label", 1, 4),
    ],
)
def test_a_file_is_known_by_its_name(name: str, kind: str, timeline: int, number: int) -> None:
    file = wal_files.parse(name)
    assert (file.name, file.kind, file.timeline, file.number(SIZE)) == (name, kind, timeline, number)


def test_a_history_is_one_of_a_timeline() -> None:
    assert wal_files.parse("0000000A.history") == wal_files.WalFile("0000000A.history", "history", 10)
    assert wal_files.history(10) == "0000000A.history"


@pytest.mark.parametrize(
    "name",
    [
        *("", "0000000100000000000000", "00000001000000000000000g", "00000001000000000000000a"),
        *("000000010000000000000001.", "000000010000000000000001.backup", "000000010000000000000001.partial.partial"),
        *("000000010000000000000001\n", "../000000010000000000000001", "00000001", "00000001.history.partial"),
        *("00000000.history", "000000000000000000000001", "RECOVERYXLOG"),
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a WAL file"):
        wal_files.parse(name)


def test_a_segment_that_its_size_does_not_allow_has_no_number() -> None:
    with pytest.raises(ValueError, match="no segment of 16777216 bytes"):
        wal_files.parse("000000010000000000000100").number(SIZE)
    assert wal_files.parse("000000010000000000000100").number(1 << 20) == 256


@given(st.integers(1, (1 << 32) - 1), st.sampled_from(wal_files.SIZES), st.data())
def test_a_number_becomes_a_name_and_back(timeline: int, size: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, (1 << 64) // size - 1))
    file = wal_files.parse(wal_files.segment(timeline, number, size))
    assert (file.kind, file.timeline, file.number(size)) == ("segment", timeline, number)
