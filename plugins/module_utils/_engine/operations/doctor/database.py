# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: can the role of the backups read everything, do the programs fit, and did a restore leave something?"""

from __future__ import annotations

import contextlib
import typing as t

from ...drivers.components.postgres import connection, grants, locks, server, server_record, snapshot, staging_database
from ...drivers.components.postgres.accepted import accepts
from ...drivers.components.postgres.staging_records import StagingRecords
from ...ground.errors import DatabaseError, RecoveryError
from ...ground.units import human_count
from ..databases.discovery import DiscoveryRequest, find_databases
from .check import Case, Check, failed, ok, refused, warning

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ...drivers.components.postgres.server import Finding, Programs, ServerInfo


def examine(case: Case) -> Iterator[Check]:
    """Yield what there is to say about the server, and put the databases that are backed up into `case`."""
    login = case.request.login
    if login is None:
        return
    try:
        with contextlib.closing(connection.connect_server(login, read_only=True)) as session:
            facts = server.inspect(session)
            lacking = server_record.missing(session)
        yield _identity(facts)
        yield _recorded(lacking)
        wanted = DiscoveryRequest(
            login,
            include=case.request.databases,
            exclude=case.request.exclude,
            application=case.application,
            cluster=case.request.cluster,
            state_dir=case.state_dir,
        )
        found = find_databases(wanted, case.world).facts
    except RecoveryError as exc:
        yield refused("connection", exc)
        return
    case.databases = list(found["names"])
    yield from _chosen(found)
    programs = None
    try:
        programs = server.programs(facts.major, environ=case.world.environ)
        yield _programs(facts, programs)
    except DatabaseError as exc:
        yield refused("programs", exc)
    yield from _rights(case)
    yield from _leftovers(case)


def _chosen(found: Mapping[str, t.Any]) -> Iterator[Check]:
    """Say which of the server's databases are to be backed up, and which are not."""
    if not found["names"]:
        yield failed(
            "databases",
            f"None of the {found['all']} databases of this server is selected for backups.",
            "Correct lifeboat_databases or lifeboat_databases_exclude.",
        )
    for name in found["absent"]:
        yield failed(
            "databases",
            f"lifeboat_databases contains {name!r}, and this server has no such database.",
            "Correct the name, or remove it.",
            database=name,
        )
    if found["names"] and not found["absent"]:
        left_out = f"; excluded: {', '.join(found['left_out'])}" if found["left_out"] else ""
        yield ok(
            "databases",
            f"{human_count(len(found['names']), 'database')} of {found['all']} selected for backups{left_out}.",
            left_out=found["left_out"],
        )


def _identity(facts: ServerInfo) -> Check:
    said = f"PostgreSQL {facts.version} responds, and the role is {facts.user}"
    told = {"server_version": facts.version, "role": facts.user, "in_recovery": facts.in_recovery}
    if facts.superuser:
        return warning(
            "connection",
            f"{said}, a superuser; a backup needs none.",
            "Set lifeboat_login_user to a read-only role, which playbook lifeboat.recovery.install creates.",
            **told,
        )
    return ok("connection", f"{said}.", **told)


def _recorded(lacking: list[str]) -> Check:
    """Say whether backups hold what a server needs that takes this one's place."""
    if lacking:
        return warning(
            "server_record",
            f"Backups do not record all that a replacement of this server needs: its {', '.join(lacking)}.",
            server_record.REMEDY,
            missing=lacking,
        )
    return ok("server_record", "Backups record the settings and the access rules of this server.")


def _programs(facts: ServerInfo, programs: Programs) -> Check:
    told = {"server_version": facts.version, "client_version": programs.version, "directory": programs.directory}
    for finding in grants.outdated(programs):
        return warning("programs", finding.cause, finding.remedy, **told, code=finding.code)
    return ok("programs", f"pg_dump {programs.version} matches the server.", **told)


def _rights(case: Case) -> Iterator[Check]:
    """Look into each database as a backup would."""
    read = 0
    for name in case.databases:
        try:
            with contextlib.closing(
                connection.connect(t.cast("t.Any", case.request.login), name, read_only=True)
            ) as session:
                findings = [*grants.preflight(session), *locks.findings(session, snapshot.read_tables(session))]
            left = [one for one in findings if not accepts(case.request.accept_warnings, one.cause)]
        except RecoveryError as exc:
            yield failed("rights", exc.cause, exc.remedy, database=name)
            continue
        yield from (_finding(name, finding) for finding in left)
        read += not any(finding.severity == "error" for finding in left)
    if read and read == len(case.databases):
        yield ok("rights", f"{human_count(read, 'database')} can be read completely.", databases=list(case.databases))


def _finding(database: str, finding: Finding) -> Check:
    make = failed if finding.severity == "error" else warning
    facts = {"database": database, "code": finding.code, "objects": list(finding.names)}
    return make("rights", f"Database {database}: {finding.cause}", finding.remedy, **facts)


def _leftovers(case: Case) -> Iterator[Check]:
    """Find staging databases of interrupted restores, or what only looks like one, that nobody locks."""
    records = StagingRecords(case.request.repository.state_dir)
    try:
        with staging_database.manage(t.cast("t.Any", case.request.login), records) as session:
            left = staging_database.left(session)
    except RecoveryError as exc:
        yield refused("leftovers", exc)
        return
    for name, ours in left.items():
        by_hand = f"DROP DATABASE {connection.quote_identifier(name)}."
        if ours:
            cause = f"An interrupted restore left the staging database {name}."
            remedy = f"The next restore into the same target drops it; or drop it by hand: {by_hand}"
        else:
            cause = f"The database {name} looks like a staging database, and this host has no record of it."
            remedy = f"It is kept. If it is a leftover of a restore: {by_hand}"
        yield warning("leftovers", cause, remedy, database=name)
    if not left:
        yield ok("leftovers", "No restore left a staging database.")
