# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backup to restore when the chosen one is damaged: it is named, and never taken by itself."""

from __future__ import annotations

import contextlib
import typing as t

from ...ground.errors import NotFound, ProofMismatch, RecoveryError, Tampered
from ...records.anomalies import assessment
from ...records.repository import catalogue, choosing
from ...records.repository.names import BACKUP_ID

if t.TYPE_CHECKING:
    from ...ground.model import World
    from ...records.repository.protection import KnownBackup
    from .request import RestoreRequest

DAMAGED = (NotFound, ProofMismatch, Tampered)
"""What is raised when a backup is not what it was."""


def advise(problem: RecoveryError, request: RestoreRequest, component: str, backup_id: str, world: World) -> None:
    """Add to the remedy the newest older backup against which nothing is known, if there is one."""
    if not BACKUP_ID.fullmatch(backup_id):
        return
    with contextlib.suppress(RecoveryError):  # what is damaged matters more
        if best := _next(request, component, backup_id, world):
            tested = "restore-tested" if best.restore_tested else "not restore-tested"
            problem.details["next_backup"] = best.backup_id
            problem.advise(
                f"The next good backup is of {best.started:%Y-%m-%d %H:%M} UTC, {tested}: to restore it, set backup "
                f"(lifeboat_restore_from) to {best.backup_id}."
            )


def _next(request: RestoreRequest, component: str, backup_id: str, world: World) -> KnownBackup | None:
    settings = request.repository
    opened = catalogue.open_repository(settings, world)
    listed = [backup for backup in opened.backups() if backup.manifest.component == component]
    every = assessment.known(settings, opened, listed, request.thresholds, world.now(), keep=False)
    # An id tells when its backup began; the backup itself may be listed no more.
    begun = choosing.second(backup_id)
    return choosing.newest(
        every, lambda one: choosing.second(one.backup_id) < begun and not one.suspicions and not one.refuted
    )
