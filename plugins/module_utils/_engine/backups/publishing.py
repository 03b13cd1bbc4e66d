# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The moment at which a backup begins to exist: its manifest is stored, after one more look at its files.
"""

from __future__ import annotations

import contextlib
import typing as t

from .. import repository
from ..catalogue import catalogue
from ..crypto import seals
from ..errors import AccessDenied, NotFound, StoreError

if t.TYPE_CHECKING:
    from ..catalogue.manifest import Manifest
    from ..crypto import lbx


def publish(opened: catalogue.Repository, writer: lbx.Writer, record: Manifest) -> bytes:
    """Look at every file once more, then write the manifest. Return its envelope."""
    prefixes = [f"{record.application}/{part}/{record.backup_id}/" for part in ("data", "details")]
    # A host that may only write cannot list; each of its uploads was checked as it ended.
    with contextlib.suppress(AccessDenied):
        sizes = {info.name: info.size for prefix in prefixes for info in opened.store.list(prefix)}
        if problem := catalogue.missing_file(record, sizes):
            raise StoreError(problem, "Something removed it during the backup: find out what, and run again.")
    envelope = seals.seal_record("manifest", record.payload(), [writer.signer])
    opened.store.put_new(repository.manifest(record.application, record.component, record.backup_id), envelope)
    return envelope


def surely_unlisted(opened: catalogue.Repository, component: str, backup_id: str) -> bool:
    """Whether no manifest lists the files: its answer may be lost, and then they must stay."""
    try:
        opened.store.head(repository.manifest(opened.application, component, backup_id))
    except StoreError as exc:
        return isinstance(exc, NotFound)
    return False
