# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Planted faults: each is refused, the store is only read, and a check that lets one pass is named."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components import base
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import lbx, seals
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import canaries
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import (
    catalogue,
    manifest,
    stored_backup,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from sample_host import SampleHost

NO_DATA = {"name": "data", "reason": "Nothing can be planted in backups of this kind."}


@dataclasses.dataclass
class Place:
    """A place in which faults are planted by a script: what each has to be named, and what is named then."""

    script: tuple[tuple[base.Planting, tuple[str, ...]], ...] = ()
    contents: str = "all of it"
    warnings: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    def plantings(self) -> t.Iterator[base.Planting]:
        for planting, shown in self.script:
            self.shown = shown
            yield planting

    def compare(self) -> base.Comparison:
        return base.Comparison(self.shown)

    def ask(self, check: base.Check, _timeout: float) -> dict[str, t.Any]:
        return {"name": check.name, "passed": True, "found": 1, "wanted": 1}


def release(sample: SampleHost, identity: str, place: Place | None = None) -> dict[str, t.Any]:
    backup = catalogue.open_repository(sample.settings, sample.world()).read("main/shop", identity)
    return canaries.facts(canaries.release(backup, place or Place(), sample.world()))


def stored(sample: SampleHost) -> dict[Path, tuple[bytes, int]]:
    paths = [path for path in (sample.home / "store").rglob("*") if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def test_every_fault_in_stored_bytes_is_refused_and_the_store_is_as_it_was(sample: SampleHost) -> None:
    identity = sample.back_up(files=4, data=2)
    before = stored(sample)
    assert release(sample, identity) == {"planted": 5, "found": 5, "skipped": [NO_DATA], "missed": []}
    assert stored(sample) == before


def intact(_chunks: object, _expected: object) -> None:
    """Let every file pass."""


WEAK = {
    "bytes": (lbx, "check_intact", intact, {"flipped_byte", "truncated_file", "swapped_files"}),
    "place": (manifest, "_require", lambda *_given: None, {"old_manifest"}),
    "seal": (
        stored_backup.seals,
        "open_record",
        lambda kind, envelope, signers: seals.OpenedRecord(payload(envelope), tuple(signers)),
        {"forged_manifest"},
    ),
}


def payload(envelope: bytes) -> bytes:
    fields = seals.strict_json.loads(envelope, limit=1 << 20)
    return seals.strict_json.unbase64(fields["payload"], what="It")


@pytest.mark.parametrize("weak", WEAK)
def test_a_check_that_lets_a_fault_pass_is_named(
    sample: SampleHost, monkeypatch: pytest.MonkeyPatch, weak: str
) -> None:
    identity = sample.back_up(files=4, data=2)
    module, function, double, names = WEAK[weak]
    monkeypatch.setattr(module, function, double)
    told = release(sample, identity)
    assert {missed["name"] for missed in told["missed"]} == names
    assert told["found"] == 5 - len(names)
    assert all(identity in missed["what"] or missed["name"] == "old_manifest" for missed in told["missed"])


def test_what_is_damaged_already_is_no_canary(sample: SampleHost) -> None:
    identity = sample.back_up(files=1)
    sample.damage(f"shop/details/{identity}/detail.lbx")
    with pytest.raises(Tampered, match=r"detail\.lbx"):
        release(sample, identity)


def test_what_cannot_be_planted_is_said_and_not_counted(sample: SampleHost, monkeypatch: pytest.MonkeyPatch) -> None:
    told = release(sample, sample.back_up(files=1))
    assert (told["planted"], told["found"], told["missed"]) == (4, 4, [])
    assert {"name": "swapped_files", "reason": "It has less than 2 files of at most 64.0 MiB."} in told["skipped"]
    monkeypatch.setattr(canaries, "LARGEST", 1)
    told = release(sample, sample.back_up(files=4, data=2))
    assert (told["planted"], told["found"], len(told["skipped"])) == (2, 2, 4)


def test_a_fault_in_the_data_counts_when_a_difference_that_is_new_names_it(sample: SampleHost) -> None:
    place = Place(
        (
            (base.Planting("one", "thing a"), ("thing a: it is another",)),
            (base.Planting("two", reason="There is no thing b."), ()),
            (base.Planting("three", "thing c"), ("thing a: it is another", "thing d: it is missing")),
            (base.Planting("four", "thing a"), ("thing a: it is another", "thing d: it is missing")),
            (base.Planting("five", "thing a"), ("thing a: it is missing",)),
        )
    )
    told = release(sample, sample.back_up(data=2), place)
    assert (told["planted"], told["found"]) == (9, 7)
    assert told["skipped"] == [{"name": "two", "reason": "There is no thing b."}]
    assert told["missed"] == [{"name": "three", "what": "thing c"}, {"name": "four", "what": "thing a"}]
    assert canaries.said(told) == "7 of 9 canaries found, 1 skipped"
