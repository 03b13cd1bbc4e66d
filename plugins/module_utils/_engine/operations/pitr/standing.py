# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole server as it was at a moment: a copy within walls to which one can connect, and which is gone afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import typing as t

from ...drivers.components.postgres import walled_server
from ...drivers.components.postgres.recovering_server import Owner
from ...drivers.components.postgres.trials import SCRATCH_DIRECTORY
from ...records.repository import catalogue, readings
from ...records.wal import targets
from . import knowing, preparing, recovering, walled_copy
from .walled_copy import WalledCopy

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...drivers.components.base import Run
    from ...drivers.components.postgres.login import Login
    from ...records.repository.catalogue import Backup, RepositorySettings
    from .plan import Plan


@dataclasses.dataclass(frozen=True, slots=True)
class Moment:
    """
    When; `timeline` and `backup` are chosen where they are not given.

    The copy is made below `directory`, and lasts for `timeout` seconds at most, unless they are 0.
    """

    target: object
    exclusive: bool = False
    timeline: int | None = None
    backup: str = ""
    superuser: str = "postgres"
    directory: str = SCRATCH_DIRECTORY
    timeout: float = 86400.0

    def check(self) -> None:
        """Raise UsageError on values that cannot be meant."""
        targets.parse(self.target, exclusive=self.exclusive)


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """A server that stands at a moment: the way in, what it was made of, and what is worth knowing of it."""

    login: Login
    backup: Backup
    plan: Plan
    warnings: tuple[str, ...]


@contextlib.contextmanager
def standing(repository: RepositorySettings, cluster: str, moment: Moment, run: Run) -> Iterator[Standing]:
    """
    Yield the server of a cluster, promoted at the moment.

    Raise NotFound or UsageError that names what stands against it, before anything is made, DatabaseError where the
    copy ends anywhere but there.
    """
    target = targets.parse(moment.target, exclusive=moment.exclusive)
    opened = catalogue.open_repository(repository, run.world)
    known = knowing.know(opened, cluster, moment.backup)
    newest = list(known.backups.values())[-1]
    programs = preparing.server_programs(int(newest.manifest.versions["server"].partition(".")[0]), run.world)
    with contextlib.ExitStack() as stack:
        within = stack.enter_context(walled_copy.walls(programs, moment.directory))
        # What is looked into for the plan is a number's that nobody has, and that reaches nothing of this host's.
        reader = Owner(within.owner.uid, within.owner.gid)
        with knowing.scratch(reader) as scratch:
            planner = known.planner(programs, scratch, reader)
            plan = planner.plan(target, timeline=moment.timeline, backup_id=moment.backup)
        backup = known.backups[plan.base.backup_id]
        chain = preparing.needed(opened, backup, programs)
        walled_server.require_room(moment.directory, preparing.room(chain))
        held = stack.enter_context(readings.announced_all(chain, "a rescue of rows", secrets.token_hex(8)))
        copy = WalledCopy(known, chain, plan, within, run)
        copy.unpack()
        last = plan.last if plan.certain else None
        server, reached = stack.enter_context(copy.promoted(moment.superuser, moment.timeout, last=last))
        reached = recovering.with_heartbeat(reached, server)
        warnings = (*plan.warnings, *reached.warnings, *(said for reading in held for said in reading.warnings))
        yield Standing(server.login, backup, plan, warnings)
