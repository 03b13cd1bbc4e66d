# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What a restore will do, decided before anything is touched: the same plan is shown in check mode and carried out.
"""

from __future__ import annotations

import dataclasses
import os
import secrets
import typing as t

from .. import units
from ..catalogue import choosing
from ..errors import DatabaseError, UsageError
from ..postgres import globals as roles
from ..postgres import halfmade, preloading, restorer, role_choice, server, swap, target
from ..postgres.connection import MAINTENANCE, check_name
from ..postgres.layout import Layout, counted
from ..printing import printable

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..catalogue.catalogue import Backup, RepositorySettings
    from ..model import World
    from ..postgres.connection import Login
    from .history import History, Restored

STRATEGIES = ("swap", "in_place")
EMERGENCY = ("auto", "required", "off")


@dataclasses.dataclass(frozen=True, slots=True)
class RestoreRequest:
    """
    What to restore, into which database of which server, and what may happen there.

    `host` is the name in the confirm token: the server's, or this machine's for a socket. `target_db` None means the
    database's own name; `accept_failed` names later objects (`INDEX public x`) without which the result is taken;
    `recovery_id` ties the reruns of one recovery together; `roles` says which missing ones may be
    made. `loan` is the socket at which the rights are lent.
    """

    repository: RepositorySettings
    login: Login
    cluster: str
    database: str
    host: str
    backup: str = "latest"
    target_db: str | None = None
    tables: tuple[str, ...] = ()
    strategy: str = "swap"
    confirm: str = ""
    emergency_backup: str = "auto"
    force_disconnect: bool = False
    jobs: int = 2
    accept_failed: tuple[str, ...] = ()
    recovery_id: str = ""
    validate: bool = True
    roles: role_choice.Wish = dataclasses.field(default_factory=role_choice.Wish)
    loan: str = ""

    @property
    def target(self) -> str:
        """The name of the database that is wanted in the end."""
        return self.target_db or self.database


@dataclasses.dataclass(frozen=True, slots=True)
class Material:
    """A backup's records, read to their authenticated end; `doubts` are sentences that speak against it."""

    backup: Backup
    detail: Mapping[str, t.Any]
    roles: Mapping[str, t.Any]
    layout: Layout
    doubts: tuple[str, ...] = ()

    @classmethod
    def of(cls, backup: Backup, doubts: tuple[str, ...] = ()) -> Material:
        """Read the records of `backup`, after every seal opened. Raise UsageError when nothing is in it."""
        if backup.manifest.kind != "logical":
            raise UsageError(
                f"The backup {backup.manifest.backup_id} is {backup.manifest.kind}, not logical.",
                "Use the module for that kind, or choose another backup.",
                field="backup",
            )
        backup.check_opens()
        detail = backup.detail()
        return cls(backup, detail, backup.globals(), Layout.of(detail), doubts)

    @property
    def owners(self) -> frozenset[str]:
        """The names of the source's roles."""
        return frozenset(role["name"] for role in self.roles["roles"])

    @property
    def table_bytes(self) -> int:
        """Bytes of all tables in the source, without indexes."""
        return sum(int(table["bytes"]) for table in self.detail["tables"])


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What will be done. `temporary` is the database that is filled, `kept` the replaced one's later name."""

    request: RestoreRequest
    material: Material
    tools: restorer.Tools
    target: target.Target
    temporary: str
    kept: str | None
    roles: role_choice.RoleChoice
    confirm: str
    why: str
    estimate: float | None
    warnings: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Say it to people; no name in it forges a line."""
        return map(printable, self._lines())

    def _lines(self) -> Iterator[str]:
        manifest = self.material.backup.manifest
        yield f"restore {manifest.backup_id} of {manifest.component} into database {self.request.target}"
        yield f"  {counted(self.material.detail)[0]} tables, {units.human_size(self.material.table_bytes)}"
        yield from (f"  CAUTION: {doubt}" for doubt in self.material.doubts)
        if self.estimate is not None:
            yield f"  about {units.human_duration(self.estimate)}, going by past restores"
        yield from (f"  create role {name}" for name in self.roles.created)
        yield from (f"  {sentence}" for sentence in self.roles.withheld)
        if self.roles.left_out:
            yield f"  roles that the database does not need are not made: {', '.join(self.roles.left_out)}"
        if self.temporary != self.request.target:
            yield f"  fill {self.temporary}, compare it with the proof, then rename it to {self.request.target}"
        elif self.target.exists:
            yield f"  DROP the database {self.request.target} and fill it anew"
        if self.kept:
            yield f"  keep the replaced database as {self.kept} ({units.human_size(self.target.size)})"
        if self.confirm:
            yield f"  needs confirm: {self.confirm}"


def check_request(request: RestoreRequest) -> None:
    """Raise UsageError on values that cannot be meant."""
    choices = {"strategy": (request.strategy, STRATEGIES), "emergency_backup": (request.emergency_backup, EMERGENCY)}
    for field, (value, allowed) in choices.items():
        if value not in allowed:
            raise UsageError(f"The {field} {value!r} is unknown.", f"Give one of {', '.join(allowed)}.", field=field)
    request.roles.check()
    if not 1 <= request.jobs <= 64:
        raise UsageError(f"{request.jobs} jobs are impossible.", "Give 1 to 64.", field="jobs")
    check_name(request.target, "target_db")
    if request.target in {*MAINTENANCE, "template0"} and not request.tables:
        raise UsageError(
            f"The database {request.target!r} cannot be replaced: the server's own work is done from it.",
            "Give another target_db.",
            field="target_db",
        )


def make_tools(session: halfmade.Session, request: RestoreRequest, material: Material, world: World) -> restorer.Tools:
    """Find programs that fit backup and server. Raise DatabaseError when the versions do not allow a restore."""
    info = server.inspect(session.connection)
    dumped_by = material.backup.manifest.versions.get("pg_dump", "")
    wanted = max(info.major, int(dumped_by.split(".", 1)[0] or 0))
    programs = server.programs(wanted, environ=world.environ)
    target.check_versions(info, programs, material.detail["source"], dumped_by)
    return restorer.Tools(
        programs=programs,
        login=request.login,
        environ=world.environ,
        jobs=request.jobs,
        squeeze=restorer.can_squeeze(session.connection),
        superuser=info.superuser,
        options=("--no-tablespaces",) if tablespace_notes(session, material) else (),
        memory=_memory(),
    )


def tablespace_notes(session: halfmade.Session, material: Material) -> list[str]:
    """Say which tablespaces the backup's objects lie in and this server lacks, and what that means."""
    used = material.detail.get("tablespaces")
    return [
        f"Tablespace {name} is missing here; all tables and indexes go to the default one."
        for name in roles.missing_tablespaces(session.connection, dict(material.roles), used)
    ]


def make_plan(
    session: halfmade.Session, request: RestoreRequest, material: Material, history: History, world: World
) -> Plan:
    """Look at everything and decide. Raise DatabaseError or UsageError for what stands in the way."""
    info = server.inspect(session.connection)
    tools = make_tools(session, request, material, world)
    found = _look(session, request)
    if found.exists and not choosing.is_whole(material.backup.manifest):
        raise UsageError(
            f"The backup holds only a part of a database and {request.target!r} exists.",
            "Give a target_db that does not exist, or choose tables of it.",
            field="target_db",
        )
    in_place = request.strategy == "in_place"
    if in_place and found.stays:
        raise DatabaseError(
            f"The database {request.target!r} has the {found.stays[0]}, so a restore in place cannot drop it.",
            "Drop it there first, or use strategy: swap, which keeps it with the old database.",
            stays=list(found.stays),
        )
    free = None if found.free is None else found.free + (found.size if in_place else 0)
    stamp = f"{world.now():%Y%m%d_%H%M%S}"
    kept = halfmade.kept_name(request.target, stamp) if found.exists and not in_place else None
    if kept:
        halfmade.require_free_name(session, kept)
    chosen = target.choose_roles(session, material.roles, request.roles, info)
    target.check_names(session, material.detail["properties"], chosen)
    temporary = request.target if in_place else halfmade.temporary_name(request.target, secrets.token_hex(4))
    preloads = preloading.check(session.connection, material.detail, target=request.target, filled=temporary)
    confirm, why = confirmation(request, found, history.last(request.host, request.target, found.oid), material)
    notes = [
        *material.doubts,
        target.check_space(free, material.table_bytes),
        target.collation_note(session.connection, material.detail["properties"]),
        *tablespace_notes(session, material),
        *preloads,
        *(f"The {what} stays with the old database." for what in found.stays),
        *(f"{sentence}: give role_privileges if it is meant to have it." for sentence in chosen.withheld),
        *found.notes,
        *halfmade.doubts(session, request.target),
        f"pg_restore {tools.programs.version} has known security holes." if tools.programs.outdated else "",
    ]
    return Plan(
        request=request,
        material=material,
        tools=tools,
        target=found,
        temporary=temporary,
        kept=kept,
        roles=chosen,
        confirm=confirm,
        why=why,
        estimate=history.estimate(material.backup.manifest.plain_size),
        warnings=tuple(note for note in notes if note),
    )


def confirmation(
    request: RestoreRequest, found: target.Target, last: Restored | None, material: Material
) -> tuple[str, str]:
    """Give the token that this restore needs, and why; both empty when it needs none."""
    if not found.exists or not found.holds_data:
        return "", ""
    token = f"{request.target}@{request.host}"
    if last is not None and last.backup_id == material.backup.manifest.backup_id:
        recovery = f" by recovery {last.recovery_id}" if last.recovery_id else ""
        why = f"The same backup was restored into {request.target} at {last.finished}{recovery}"
        return f"{token} after {last.finished}", why
    return token, f"The database {request.target} on {request.host} holds data that this restore replaces"


def require_confirm(plan: Plan) -> None:
    """Raise UsageError that tells the exact token, unless it was given."""
    if plan.confirm and plan.request.confirm != plan.confirm:
        raise UsageError(
            " ".join((f"{plan.why}.", *plan.material.doubts)),
            f"If that is meant, give confirm: {plan.confirm}",
            field="confirm",
            confirm=plan.confirm,
        )


def refuse_use(session: halfmade.Session, plan: Plan) -> None:
    """Raise Busy when sessions stand in the way that may not be ended: now, and not after the whole load."""
    if plan.target.exists and not plan.request.force_disconnect:
        swap.refuse_sessions(session, plan.request.target)


def refuse_filled(session: halfmade.Session, plan: Plan) -> None:
    """Raise DatabaseError when data came into a target that had none, so that nobody was asked about it."""
    if not plan.target.holds_data and _look(session, plan.request).holds_data:
        raise DatabaseError(
            f"The database {plan.request.target!r} held no data when this restore began, and holds some now.",
            "Nothing was touched. Find out who writes there, and run again.",
        )


def _look(session: halfmade.Session, request: RestoreRequest) -> target.Target:
    found = target.inspect_target(session, request.target)
    if found.exists and halfmade.is_half_made(session, request.target):
        return dataclasses.replace(found, holds_data=False)
    return found


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0
