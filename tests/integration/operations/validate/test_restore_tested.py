# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup that was restored and was right is marked, by who may; and that mark is what retention keeps it for."""

from __future__ import annotations

import datetime
import time

import asked
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import RecoveryKey
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import StoreSettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import ProofMismatch
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.backup import backup
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.validate import validation
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import policy


@pytest.fixture
def shop(cluster, database, tmp_path):
    return Shop(cluster(), database(golden=False), tmp_path)


class Shop:
    """A small database and the repository of its backups."""

    def __init__(self, server, name, home):
        self.server, self.name = server, name
        server.execute("CREATE TABLE public.orders AS SELECT n FROM generate_series(1, 100) AS n", name)
        (home / "store").mkdir()
        key = RecoveryKey.generate()
        self.settings = catalogue.RepositorySettings(
            "shop", StoreSettings(f"file://{home}/store"), KeySettings(recovery_key_hex=key.hex)
        )

    def world(self, *, dry_run=False):
        now = datetime.datetime.now
        return World(now=lambda: now(datetime.UTC), sleep=time.sleep, environ=self.server.environ, dry_run=dry_run)

    def back_up(self, **options):
        request = asked.backup(self.settings, self.server.login, "main", self.name, max_shrink=0, **options)
        return backup.back_up(request, self.world()).facts["backup"]["backup_id"]

    def validate(self, identity, *, dry_run=False):
        """Compare the live database itself with a backup's proof."""
        request = asked.validation(
            self.settings, "main", self.name, backup=identity, login=self.server.login, target_db=self.name
        )
        return validation.validate(request, self.world(dry_run=dry_run))

    def rows(self):
        found = listing.list_backups(listing.ListRequest(self.settings), self.world()).facts["backups"]
        return {row["backup_id"]: row for row in found}


def test_a_backup_that_is_right_is_marked_by_every_test_and_kept(shop):
    first, second = shop.back_up(), shop.back_up()
    assert "restore_tested_mark" not in shop.validate(first, dry_run=True).facts
    assert not shop.rows()[first]["restore_tested"]
    assert shop.validate(first).facts["restore_tested_mark"]
    assert shop.validate(first).facts["restore_tested_mark"]
    assert {identity: row["restore_tested"] for identity, row in shop.rows().items()} == {first: True, second: False}
    opened = catalogue.open_repository(shop.settings, shop.world())
    assert len(opened.marks(first)[first].of("restore_tested")) == 2
    shop.back_up()
    request = prune.PruneRequest(shop.settings, policy.parse({"keep_last": 1, "min_keep": 1}), force=True)
    prune.prune(request, shop.world())
    assert first in shop.rows()
    assert second not in shop.rows()


def test_a_backup_that_is_not_what_it_was_is_not_marked(shop):
    identity = shop.back_up()
    shop.server.execute("DELETE FROM public.orders WHERE n = 7", shop.name)
    with pytest.raises(ProofMismatch):
        shop.validate(identity)
    assert not shop.rows()[identity]["restore_tested"]


def test_a_backup_without_a_proof_was_compared_with_nothing(shop):
    identity = shop.back_up(proof="none")
    assert not shop.validate(identity).facts["restore_tested_mark"]
    assert not shop.rows()[identity]["restore_tested"]
