# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a verification reads, and what it calls corrupted."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.directory import DirectoryStore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AccessDenied,
    Tampered,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.verify import verification

if t.TYPE_CHECKING:
    from pathlib import Path

    from sample_host import SampleHost


def verify(sample: SampleHost, **values: t.Any) -> dict[str, t.Any]:
    return verification.verify(verification.VerifyRequest(sample.settings, **values), sample.world()).facts


def file(sample: SampleHost, identity: str, name: str = "0001.lbx") -> Path:
    return sample.home / "store" / "shop" / "data" / identity / name


def test_what_is_wrong_with_one_cluster_is_reported_for_no_other(sample: SampleHost) -> None:
    own, other = sample.back_up(cluster="main"), sample.back_up(cluster="db7")
    file(sample, other).unlink()
    assert verify(sample, cluster="main")["backups"] == [own]
    listed = listing.list_backups(listing.ListRequest(sample.settings, cluster="main"), sample.world()).facts
    assert ([row["backup_id"] for row in listed["backups"]], listed["problems"]) == ([own], [])
    with pytest.raises(Tampered, match=other):
        verify(sample, cluster="db7")
    with pytest.raises(Tampered, match=other):
        verify(sample)


def test_an_outage_of_the_store_is_no_damage(sample: SampleHost, monkeypatch: pytest.MonkeyPatch) -> None:
    sample.back_up(files=4)
    lost = sample.back_up(files=4, hours=3)
    real = DirectoryStore.get

    def get(store: DirectoryStore, name: str, *given: t.Any) -> t.Any:
        if name.endswith("0002.lbx"):
            raise AccessDenied("The store refused the credentials.", "Correct them.", code="InvalidAccessKeyId")
        return real(store, name, *given)

    monkeypatch.setattr(DirectoryStore, "get", get)
    with pytest.raises(AccessDenied, match=r"2 of 8 files could not be read, and the rest is intact") as caught:
        verify(sample)
    assert caught.value.remedy == "Correct them."
    assert len(t.cast("list[str]", caught.value.details["problems"])) == 2
    file(sample, lost).write_bytes(b"?" * file(sample, lost).stat().st_size)
    with pytest.raises(Tampered, match=r"have 1 problem; the first: .*0001") as damaged:
        verify(sample)
    assert len(t.cast("list[str]", damaged.value.details["problems"])) == 3
