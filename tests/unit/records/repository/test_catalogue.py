# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the backups of a store is the newest."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import StoreError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue, newer

if t.TYPE_CHECKING:
    from retention_fixtures import SampleStore
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


@pytest.mark.parametrize("damage", ["data", "manifest"])
def test_what_needs_a_damaged_backup_is_no_latest(sample_store: SampleStore, damage: str) -> None:
    whole, full = sample_store.make(4), sample_store.make(3)
    middle = sample_store.make(2, parents=(sample_store.parent(full),))
    child = sample_store.make(1, parents=(sample_store.parent(middle),))
    assert sample_store.opened().find("main/shop", "latest").manifest.backup_id == child
    name = f"shop/data/{full}/0001.lbx" if damage == "data" else f"shop/manifests/main/shop/{full}.json"
    (sample_store.root / name).unlink()
    opened = sample_store.opened()
    assert opened.find("main/shop", "latest").manifest.backup_id == whole
    assert newer.choose(sample_store.opened(), "main/shop", "latest", sample_store.now).certain
    facts = listing.list_backups(listing.ListRequest(sample_store.settings), sample_store.world()).facts
    assert [row["backup_id"] for row in facts["backups"]] == [whole]
    said = {problem["name"]: problem["cause"] for problem in facts["problems"]}
    assert f"it needs {middle}, which is damaged or missing" in said[child]


@pytest.mark.parametrize(("damage", "stays"), [("data", False), ("manifest", True)])
def test_what_needs_a_damaged_backup_fills_no_slot(sample_store: SampleStore, damage: str, stays: bool) -> None:
    """What lacks files is let go; what needs a manifest that nobody believes may be whole again when it is."""
    whole, full = sample_store.make(40), sample_store.make(30)
    child = sample_store.make(20, parents=(sample_store.parent(full),))
    if damage == "data":
        (sample_store.root / f"shop/data/{full}/0001.lbx").unlink()
    else:
        (sample_store.root / f"shop/manifests/main/shop/{full}.json").write_bytes(b"{}")
    request = sample_store.request({"keep_last": 1, "min_keep": 1})
    decisions = prune.prune(request, sample_store.world()).facts["decisions"]
    actions = {decision["backup_id"]: decision["action"] for decision in decisions}
    assert (actions[whole], actions[child]) == ("keep", "keep" if stays else "delete")
