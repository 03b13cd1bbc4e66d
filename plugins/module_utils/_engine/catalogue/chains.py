# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a backup needs: the ones that it was made on.
"""

from __future__ import annotations

import typing as t

from ..errors import Tampered

if t.TYPE_CHECKING:
    from .catalogue import Repository
    from .stored_backup import Backup


def chain(opened: Repository, backup: Backup) -> tuple[Backup, ...]:
    """
    Return all that `backup` needs for a restore, in the order in which it is needed, and itself last.

    Raise NotFound when one is gone, Tampered when one is not the one that was meant.
    """
    found: dict[str, Backup] = {}
    _collect(opened, backup, found)
    return tuple(found.values())


def _collect(opened: Repository, backup: Backup, found: dict[str, Backup]) -> None:
    """Add what `backup` needs to `found`, and itself after that."""
    for parent in backup.manifest.parents:
        if parent.backup_id in found:
            continue
        read = opened.read(backup.manifest.component, parent.backup_id)
        if read.manifest_sha256 != parent.manifest_sha256:
            raise Tampered(
                f"{parent.backup_id}, which {backup.manifest.backup_id} needs, is not the one that it was made on.",
                "Use another backup or a replica of this one.",
                backup_id=parent.backup_id,
            )
        _collect(opened, read, found)
    found[backup.manifest.backup_id] = backup
