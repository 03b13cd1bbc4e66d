# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom a server's user encrypts for: as the store says, or as it was told where it may not ask."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.directory import DirectoryStore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import AccessDenied
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import trusted_keys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.wal import settings, trusting
from wal_fixtures import CLUSTER, Archive

if t.TYPE_CHECKING:
    from collections.abc import Iterator


class Closed(DirectoryStore):
    """A store of which this user may not list the trust files."""

    def list(self, prefix: str, after: str = "") -> Iterator[t.Any]:
        raise AccessDenied(f"{self.url}/{prefix} cannot be used: Permission denied.", "Grant it.")


def test_where_the_store_is_closed_the_copy_counts_however_old_it_is(archive: Archive) -> None:
    told = settings.read(str(archive.home / "config"), CLUSTER)
    closed, copy = Closed(str(archive.home / "store")), archive.spool / "trust.json"
    later = datetime.now(UTC) + timedelta(days=365)
    with pytest.raises(AccessDenied):
        trusting.load(told, closed, str(copy), later)

    envelope = b"".join(archive.store.get(trusted_keys.trust_name("shop", 1)))
    copy.write_bytes(envelope)
    found = trusting.load(told, closed, str(copy), later)
    assert found.trust is not None
    assert found.trust.serial == 1
    assert copy.read_bytes() == envelope

    copy.write_bytes(envelope[:100])
    with pytest.raises(AccessDenied):
        trusting.load(told, closed, str(copy), later)
