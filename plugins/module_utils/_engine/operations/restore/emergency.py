# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes before what was there is destroyed: every stored byte is read, and what is there is backed up."""

from __future__ import annotations

import typing as t

from ...ground.errors import RecoveryError, rebuilt
from ...ground.model import Done
from ...records.repository import names as repository
from ..backup.request import BackupRequest

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...drivers.components.base import Stored
    from ...drivers.components.target import Plan
    from ...ground.model import Outcome, World
    from .request import RestoreRequest

    BackUp = Callable[[BackupRequest, World], Outcome]


def read_to_the_end(chain: Sequence[Stored]) -> None:
    """Read every data member and throw it away. Raise Tampered when one is not as signed to its last byte."""
    for backup in chain:
        for number in backup.manifest.numbers:
            for _block in backup.member(number):
                pass


def make(request: RestoreRequest, plan: Plan, world: World, back_up: BackUp) -> str:
    """
    Back up the target as it is, and return the id of the backup, "" where nothing would be lost.

    Raise what kept it from being made, as an error that says how to go on without.
    """
    source = plan.emergency()
    if source is None:
        return ""
    wanted = BackupRequest(request.repository, source, reason="emergency", max_shrink=0, thresholds=request.thresholds)
    about = {"component": repository.component(*source.name), "reason": wanted.reason}
    began = world.now()
    try:
        outcome = back_up(wanted, world)
    except RecoveryError as exc:
        world.record(Done("backup", exc, about, (world.now() - began).total_seconds()))
        cause = f"The emergency backup of {plan.target!r} failed: {exc.cause}"
        remedy = "Nothing was changed. If the target is too corrupted to be backed up, set emergency_backup: off."
        told = {"cause": cause, "remedy": remedy, "details": {"failure": exc.cause}}
        raise rebuilt({**exc.record(), **told}) from exc
    world.record(Done("backup", outcome, about, (world.now() - began).total_seconds()))
    return str(outcome.facts["backup"]["backup_id"])
