# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""All that is known before a recovery to a moment touches anything, and what is refused."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ...drivers.components.postgres import replacing, server
from ...drivers.components.postgres.physical_layout import PhysicalLayout
from ...drivers.components.postgres.replication import LocalServer
from ...ground.errors import DatabaseError, UsageError
from ...records.repository import catalogue, stored_backup
from ...records.wal import targets
from ..wal.old_wal import OldWal
from . import knowing
from .request import STANDBY
from .staging import Stage

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ...drivers.components.postgres.recovering_server import Owner
    from ...drivers.components.postgres.server import Programs
    from ...ground.model import World
    from ...records.repository.catalogue import Backup, Repository
    from ...records.wal.contents import Server
    from .knowing import Known
    from .plan import Plan
    from .request import PitrRequest

TABLESPACES = "tablespace_map"


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """All that is known before anything is touched."""

    request: PitrRequest
    known: Known
    plan: Plan
    chain: tuple[Backup, ...]
    programs: Programs
    stage: Stage
    places: Mapping[int, str]
    replaces: bool

    @property
    def backup(self) -> Backup:
        """The backup that the recovery begins with; the others of the chain are what it needs."""
        return self.chain[-1]

    @property
    def confirm(self) -> str:
        return self.request.place if self.replaces else ""


def prepare(request: PitrRequest, world: World) -> Prepared:
    """
    Return what a run will do. Raise UsageError for values that cannot be meant, NotFound where something is not stored,
    DatabaseError where this host is not fit for it.
    """
    target = targets.parse(request.target, exclusive=request.exclusive)
    if request.state == STANDBY and target.kind != targets.LATEST:
        raise UsageError(
            f"A standby follows its primary, and cannot stay at {target}.", "Use target: latest.", field="target"
        )
    owner = request.user()
    opened = catalogue.open_repository(request.repository, world)
    known = knowing.know(opened, request.cluster, request.backup, _old_wal(request, owner))
    newest = list(known.backups.values())[-1]
    major = int(newest.detail()["source"]["server_version_num"]) // 10000
    programs = server_programs(major, world, request.bin_dir)
    with knowing.scratch(owner) as scratch:
        plan = known.planner(programs, scratch, owner).plan(target, timeline=request.timeline, backup_id=request.backup)
    backup = known.backups[plan.base.backup_id]
    chain = needed(opened, backup, programs)
    layout = PhysicalLayout.of(backup.detail())
    require_stopped(request, world)
    replaces = os.path.isdir(request.data_directory) and bool(os.listdir(request.data_directory))
    stage = Stage(request.data_directory, plan.base.backup_id[-16:], owner)
    stage.require_own()
    places = _places(layout, request, stage)
    if not stage.whole:
        _require_room(request, room(chain))
    return Prepared(request, known, plan, chain, programs, stage, places, replaces)


def require_stopped(request: PitrRequest, world: World) -> None:
    """Raise DatabaseError where the server of the data directory runs. A plan may be made of one that does."""
    if LocalServer(request.data_directory, "", "", 0).alive and not world.dry_run:
        raise DatabaseError(
            f"The server of {request.data_directory} is running.",
            "Stop it, as the service that it is, and run this again.",
        )


def _old_wal(request: PitrRequest, owner: Owner) -> Callable[[Server], OldWal] | None:
    """Return what looks into the log of the data directory that is there."""
    if not request.old_wal or request.state == STANDBY:  # which may have nothing that its primary has not
        return None
    return lambda server: OldWal(os.path.join(request.data_directory, "pg_wal"), server, owner.uid)


def server_programs(major: int, world: World, directory: str = "") -> Programs:
    """Return the programs of the very version: others cannot read its files. Raise DatabaseError where it lacks."""
    found = server.programs(major, environ=world.environ, directory=directory)
    if found.major != major or not os.access(found.path("postgres"), os.X_OK):
        raise DatabaseError(
            f"The server of PostgreSQL {major} is not installed on this host.",
            f"Install postgresql-{major}.",
            major=major,
        )
    return found


def needed(opened: Repository, backup: Backup, programs: Programs) -> tuple[Backup, ...]:
    """Return a backup after those that it needs. Raise DatabaseError where this host cannot combine them."""
    chain = stored_backup.chain(opened.read, backup)
    if len(chain) > 1 and not os.access(programs.path("pg_combinebackup"), os.X_OK):
        raise DatabaseError(
            f"There is no pg_combinebackup in {programs.directory}, which incremental backups are restored with.",
            f"Install postgresql-{programs.major} as a whole, or set backup to a full one.",
        )
    return chain


def room(chain: Sequence[Backup]) -> int:
    """Return the most that a copy takes while it is made: parts and what they are combined into exist at once."""
    size = sum(one.manifest.plain_size for one in chain)
    return size if len(chain) == 1 else 2 * size


def _places(layout: PhysicalLayout, request: PitrRequest, stage: Stage) -> dict[int, str]:
    """Return where each tablespace goes. Raise UsageError where one has no place that is empty."""
    unknown = set(request.tablespaces) - {key for space in layout.tablespaces for key in (space.name, space.location)}
    if unknown:
        raise UsageError(
            f"The backup has no tablespace {min(unknown)!r}.",
            f"It has {', '.join(space.name for space in layout.tablespaces) or 'none'}.",
            field=TABLESPACES,
        )
    places = {}
    for space in layout.tablespaces:
        given = request.tablespaces.get(space.name) or request.tablespaces.get(space.location) or space.location
        places[space.oid] = given
    if not stage.whole or stage.places != frozenset(places.values()):
        for place in places.values():
            if not stage.is_empty(place):
                raise UsageError(
                    f"{place} is not empty, so no tablespace can be recovered into it.",
                    f"Give another directory for it in {TABLESPACES}, or empty it.",
                    field=TABLESPACES,
                )
    return places


def _require_room(request: PitrRequest, size: int) -> None:
    parent = os.path.dirname(os.path.normpath(request.data_directory))
    try:
        replacing.require_room(parent, size, "The recovery", "earlier recoveries")
    except OSError as exc:
        raise UsageError(f"{parent} cannot be used: {exc.strerror}.", "Correct data_directory.") from exc
