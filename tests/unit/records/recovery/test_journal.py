# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events on the disk and in the store: what is altered is refused, what is missing filled in, and the faster wins."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import seals
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import Signer
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Busy, NotFound, Tampered
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.events import Begin
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.journal import RecoveryJournal
from recovery_fixtures import controller

if t.TYPE_CHECKING:
    from recovery_fixtures import Controller
    from sample_host import SampleHost


@pytest.fixture
def done(here: Controller) -> Controller:
    """A controller that has journalled four events."""
    here.open()
    here.done("provision")
    here.begin("restore")
    return here


def local(of: Controller) -> Path:
    return Path(str(of.settings.state_dir)) / "recoveries" / "shop" / f"{of.recovery_id}.jsonl"


def stored(sample: SampleHost, of: Controller) -> list[Path]:
    return sorted((sample.home / "store" / "shop" / "recoveries" / of.recovery_id).iterdir())


def elsewhere(sample: SampleHost, of: Controller) -> Controller:
    """Return a controller without a memory that knows the same recovery."""
    return dataclasses.replace(controller(sample, "elsewhere"), recovery_id=of.recovery_id, run=of.run)


def test_the_disk_and_the_store_say_the_same(sample: SampleHost, done: Controller) -> None:
    assert len(local(done).read_bytes().splitlines()) == len(stored(sample, done)) == 4
    assert [path.name for path in stored(sample, done)] == [f"{number:08d}.lbx" for number in range(1, 5)]
    assert local(done).stat().st_mode & 0o777 == 0o600
    assert elsewhere(sample, done).read() == done.read()


def test_every_byte_of_an_event_counts(sample: SampleHost, done: Controller) -> None:
    """On the disk each by itself; in the store those of the stored file, of which format.md says the same."""
    path = local(done)
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    alone = RecoveryJournal(done.journal()._place, "recover", done.recovery_id)
    for place in range(start, whole.index(b"\n", start)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(Tampered):
            alone.recall()
    path.write_bytes(whole)
    there = elsewhere(sample, done)
    object_ = stored(sample, done)[1]
    sealed = object_.read_bytes()
    for place in range(0, len(sealed), 13):
        object_.write_bytes(sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :])
        with pytest.raises(Tampered):
            there.journal()
    object_.write_bytes(sealed)
    assert there.journal().state == done.journal().state


@pytest.mark.parametrize("order", [[0, 2, 3], [1, 2, 3], [0, 2, 1, 3], [0, 1, 1, 2, 3], [0, 1, 3]])
def test_lines_are_neither_dropped_nor_moved_nor_doubled(done: Controller, order: list[int]) -> None:
    path = local(done)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[each] for each in order))
    with pytest.raises(Tampered):
        done.begin("dns")
    assert path.read_bytes() == b"".join(lines[each] for each in order)


@pytest.mark.parametrize("names", [(1, 2), (2, 1), (3, None), (2, None)])
def test_objects_are_neither_dropped_nor_moved(
    sample: SampleHost, done: Controller, names: tuple[int, int | None]
) -> None:
    objects = stored(sample, done)
    moved, to = names
    if to is None:
        objects[moved - 1].unlink()
    else:
        objects[to - 1].write_bytes(objects[moved - 1].read_bytes())
    with pytest.raises(Tampered):
        elsewhere(sample, done).journal()


def test_what_the_store_lost_is_uploaded_with_the_next_event(sample: SampleHost, done: Controller) -> None:
    for path in stored(sample, done)[1:]:
        path.unlink()
    done.end("restore")
    assert elsewhere(sample, done).read() == done.read()


def test_what_the_disk_lost_is_read_from_the_store(done: Controller) -> None:
    before = done.read()
    local(done).unlink()
    done.end("restore")
    assert done.read()["settled"] == {**before["settled"], "restore": "ok"}
    local(done).unlink()
    assert done.open(recovery_id=done.recovery_id)["settled"] == {"provision": "ok", "restore": "ok"}
    assert local(done).exists()


def test_half_a_line_that_a_power_cut_left_is_cut_off(done: Controller) -> None:
    with local(done).open("ab") as file:
        file.write(b'{"payloadType":"app')
    done.end("restore")
    assert done.journal().state.settled == {"provision": "ok", "restore": "ok"}


def test_the_event_of_a_stranger_counts_for_nothing(done: Controller) -> None:
    journal = done.journal()
    journal.add(Begin("dns", 1), journal.state.run, done.world.now())
    record = journal._records[-1]
    fields = seals.open_record("recovery", record, journal._place.keys.roots)
    forged = seals.seal_record("recovery", fields.payload, [Signer.generate()])
    with local(done).open("ab") as file:
        file.write(forged + b"\n")
    with pytest.raises(Tampered, match=r"move .* away"):
        done.journal()


def test_who_is_overtaken_keeps_what_it_wrote_and_stops(sample: SampleHost, done: Controller) -> None:
    there = controller(sample, "there")
    store = sample.home / "store"
    store.rename(sample.home / "away")
    assert "is only on this host" in done.end("restore").warnings[0]
    (sample.home / "away").rename(store)
    there.open(recovery_id=done.recovery_id, takeover=True)
    with pytest.raises(Busy, match=r"alice on .* took over recovery-.*: no step yet, last event at 2026"):
        done.begin("dns")
    assert done.read()["settled"] == {"provision": "ok"}
    kept = Path(str(done.settings.state_dir)) / "overtaken.jsonl"
    assert len(kept.read_bytes().splitlines()) == 2
    there.leave()
    assert done.open(recovery_id=done.recovery_id)["resumed"]


def test_who_resumes_is_told_of_what_counts_for_nothing(sample: SampleHost, done: Controller) -> None:
    there = controller(sample, "there")
    store = sample.home / "store"
    store.rename(sample.home / "away")
    done.end("restore")
    (sample.home / "away").rename(store)
    there.open(recovery_id=done.recovery_id, takeover=True)
    there.leave()
    outcome = done.opened(recovery_id=done.recovery_id)
    assert "1 events of this host count for nothing" in outcome.warnings[-1]
    assert outcome.facts["recovery"]["interrupted"] == ["restore"]


def test_there_is_nothing_where_nothing_was_written(done: Controller) -> None:
    done.recovery_id = "recovery-20261130T000000Z-0000000000000000"
    with pytest.raises(NotFound, match="There is no recovery recovery-2026"):
        done.read()
