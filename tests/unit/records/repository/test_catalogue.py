# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the backups of a store is the newest."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import StoreError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue

if t.TYPE_CHECKING:
    from sample_host import SampleHost

SECOND = 1 / 3600


def test_of_backups_begun_within_a_second_the_later_is_the_newest_whatever_its_token(sample: SampleHost) -> None:
    made = [
        sample.back_up(hours=1 - 0.2 * SECOND, seconds=0.1, token="8" * 16),
        sample.back_up(hours=1 - 0.4 * SECOND, seconds=0.1, token="f" * 16),
        sample.back_up(hours=1 - 0.6 * SECOND, seconds=0.1, token="0" * 16),
        sample.back_up(hours=1 - 0.8 * SECOND, seconds=0.1, token="4" * 16, reason="emergency"),
    ]
    opened = catalogue.open_repository(sample.settings, sample.world())
    assert len({identity.rpartition("-")[0] for identity in made[:3]}) == 1
    assert [backup.manifest.backup_id for backup in opened.backups()] == made
    assert opened.find("main/shop", "latest").manifest.backup_id == made[2]


def test_receipts_that_cannot_be_read_are_an_error_that_says_what_to_do(sample: SampleHost) -> None:
    """Whether the store must hold something cannot be known then, so that it is not called empty."""
    (sample.home / "state" / "receipts.jsonl").mkdir(parents=True)
    with pytest.raises(StoreError, match="Is a directory") as caught:
        listing.list_backups(listing.ListRequest(sample.settings), sample.world())
    assert caught.value.remedy
