# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes before what was there is destroyed: every stored byte is read, and what is there is backed up."""

from __future__ import annotations

import dataclasses
import typing as t

from .. import repository
from ..backups.request import BackupRequest
from ..errors import DatabaseError, RecoveryError
from ..model import Done

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..components.base import Stored
    from ..components.target import Plan
    from ..model import Outcome, World
    from .request import RestoreRequest


def read_to_the_end(chain: Sequence[Stored]) -> None:
    """Read every data member and throw it away. Raise Tampered when one is not as signed to its last byte."""
    for backup in chain:
        for number in backup.manifest.numbers:
            for _block in backup.member(number):
                pass


@dataclasses.dataclass(frozen=True, slots=True)
class Emergency:
    """How a backup is made of what will be destroyed: `back_up` makes it, `read` finds it in the store by its id."""

    back_up: Callable[[BackupRequest, World], Outcome]
    read: Callable[[str, str], Stored]

    def make(self, request: RestoreRequest, plan: Plan, world: World) -> Stored | None:
        """
        Back up the target as it is, and return what the store has of it, None where nothing would be lost.

        Raise DatabaseError that says how to go on without.
        """
        source = plan.emergency()
        if source is None:
            return None
        wanted = BackupRequest(request.repository, source, reason="emergency", max_shrink=0)
        try:
            outcome = self._recorded(wanted, world)
            made = str(outcome.facts["backup"]["backup_id"])
            return self.read(repository.component(*source.name), made)
        except RecoveryError as exc:
            raise DatabaseError(
                f"The emergency backup of {plan.target!r} failed: {exc.cause}",
                "Nothing was touched. If the database is broken beyond a dump, give emergency_backup: off to go on.",
                failure=exc.cause,
            ) from exc

    def _recorded(self, wanted: BackupRequest, world: World) -> Outcome:
        cluster, database = wanted.source.name
        about = {"cluster": cluster, "database": database, "reason": wanted.reason}
        began = world.now()
        try:
            outcome = self.back_up(wanted, world)
        except RecoveryError as exc:
            world.record(Done("backup", exc, about, (world.now() - began).total_seconds()))
            raise
        world.record(Done("backup", outcome, about, (world.now() - began).total_seconds()))
        return outcome
