# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a verification reads, and what it calls corrupted."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered
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
