# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whoever may only write to the store decides neither where a log ends nor that it cannot be read."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import archive as archives
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import believing
from wal_fixtures import SIZE, SYSTEM, Archive

FIRST, SECOND, THIRD, FOURTH = (f"00000001000000000000000{number}" for number in (1, 2, 3, 4))
HISTORY = b"1\t0/2000148\tno recovery target specified\n"
STRANGE = "000000FE.history"


def held(archive: Archive) -> archives.Archive:
    return archives.listed(archive.store, "shop", {SYSTEM: SIZE}, SYSTEM)[SYSTEM]


def histories(archive: Archive, listed: archives.Archive, *based: int) -> tuple[list[int], list[str]]:
    reader, refused = archive.reader(), list[str]()
    return [*believing.histories(listed, reader, reader.history, based, refused.append)], refused


def test_a_history_that_nobody_needs_is_passed_over_and_one_that_is_needed_is_an_error(archive: Archive) -> None:
    archive.push(archive.write(FIRST))
    archive.push(archive.write("00000002.history", HISTORY))
    name = archive.junk(STRANGE, HISTORY)
    archive.junk("000000FE0000000000000002")
    listed = held(archive)
    found, [told] = histories(archive, listed)
    assert found == [2]
    assert name in told
    assert 0xFE not in listed.histories
    with pytest.raises(Tampered, match=STRANGE):
        histories(archive, held(archive), 0xFE)
    archive.push(archive.write("000000FE0000000000000003"))
    with pytest.raises(Tampered, match=STRANGE):
        histories(archive, held(archive))


def test_a_log_ends_with_the_last_segment_that_is_signed(archive: Archive) -> None:
    archive.push(archive.write(FIRST))
    archive.junk(SECOND)
    archive.push(archive.write(THIRD))
    archive.junk(FOURTH)
    archive.junk("0000000100000000000000FF")
    archive.junk("000000FE0000000000000002")
    listed, refused = held(archive), list[str]()
    gone = believing.ends(listed, archive.reader(), refused.append)
    assert gone == {FOURTH, "0000000100000000000000FF", "000000FE0000000000000002"}
    assert [*listed.segments] == [1]
    assert [*listed.segments[1].backwards()] == [3, 2, 1]
    assert listed.count == 3
    assert listed.bytes == listed.segments[1].size(1, 3) == listed.segments[1].bytes
    assert [told for told in refused if f"2 segments from {FOURTH}" in told]
    assert len(refused) == 2


def test_behind_too_much_of_it_the_end_is_not_known(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(believing, "LOOKED_AT", 1)
    archive.push(archive.write(FIRST))
    for name in (SECOND, THIRD):
        archive.junk(name)
    listed, refused = held(archive), list[str]()
    assert not believing.ends(listed, archive.reader(), refused.append)
    assert listed.segments[1].last == 3
    assert "it is not known where the log ends" in refused[0]


def test_a_segment_whose_name_was_taken_is_the_last_one(archive: Archive) -> None:
    archive.junk(FIRST)
    archive.push(archive.write(FIRST))
    listed = held(archive)
    assert not believing.ends(listed, archive.reader(), pytest.fail)
    assert listed.segments[1].last == 1


def test_what_directly_follows_may_be_the_last_one_altered(archive: Archive) -> None:
    archive.push(archive.write(FIRST))
    archive.junk(SECOND)
    archive.junk("0000000100000000000000FF")
    listed = held(archive)
    assert believing.ends(listed, archive.reader(), lambda _cause: None, following=True) == {"0000000100000000000000FF"}
    assert listed.segments[1].last == 2
