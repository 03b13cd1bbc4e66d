# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What comes before a restore: what killed runs left is dropped, and where the old database will be destroyed, every
stored byte is checked and the old one backed up. The history knows of all that is made or removed.
"""

from __future__ import annotations

import typing as t

from ..audit.log import DROPPED
from ..backups.backup import BackupRequest
from ..errors import DatabaseError, RecoveryError
from ..model import Done, Outcome
from ..postgres import halfmade

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ..catalogue.catalogue import Backup
    from ..model import World
    from .plan import RestoreRequest


def read_to_the_end(backup: Backup) -> None:
    """Read every data member and throw it away. Raise Tampered when one is not as signed to its last byte."""
    for number in backup.manifest.numbers:
        for _block in backup.member(number):
            pass


def make(request: RestoreRequest, world: World, back_up: Callable[[BackupRequest, World], Outcome]) -> str:
    """Back up the target as it is and give the backup's id. Raise DatabaseError that says how to go on without."""
    wanted = BackupRequest(
        repository=request.repository,
        login=request.login,
        cluster=request.cluster,
        database=request.target,
        reason="emergency",
        jobs=request.jobs,
        max_shrink=0,
        allow_empty=True,
    )
    about = {"cluster": request.cluster, "database": request.target, "reason": wanted.reason}
    began = world.now()
    try:
        outcome = back_up(wanted, world)
    except RecoveryError as exc:
        world.record(Done("backup", exc, about, (world.now() - began).total_seconds()))
        raise DatabaseError(
            f"The emergency backup of {request.target!r} failed: {exc.cause}",
            "Nothing was touched. If the database is broken beyond a dump, give emergency_backup: off to go on.",
            failure=exc.cause,
        ) from exc
    world.record(Done("backup", outcome, about, (world.now() - began).total_seconds()))
    return str(outcome.facts["backup"]["backup_id"])


def drop_leftovers(session: halfmade.Session, request: RestoreRequest, target: str, world: World) -> list[str]:
    """Drop what killed runs left of restores into `target`, and give the names."""
    dropped = halfmade.drop_leftovers(session, target)
    for name in dropped:
        said = f"The half-made database {name}, which an interrupted restore into {target} left, was dropped."
        facts = {"restore": {"target": name, "action": DROPPED}, "summary": said}
        about = {"cluster": request.cluster, "database": request.database}
        world.record(Done("restore", Outcome(changed=True, facts=facts), about))
    return dropped
