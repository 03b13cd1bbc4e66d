# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: what the backups of a cluster recorded of their server, for one that takes its place.

Settings, access rules and tablespaces belong to the whole server, so the newest backup tells them. Extensions belong to
a database each: what all of its databases need is put together.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.components.postgres import carried, layout
from ...drivers.components.postgres.server_record import ServerRecord
from ...ground.errors import NotFound, UsageError
from ...ground.model import Outcome
from ...ground.printing import printable
from ...records.repository import catalogue, choosing, newer
from ...records.repository import names as repository

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...ground.model import World
    from ...records.repository.catalogue import Backup, Repository

OF_LOCALES = ("lc_messages", "lc_monetary", "lc_numeric", "lc_time")
"""Settings that name a locale, which the machine has to have."""

NEUTRAL = frozenset({"C", "POSIX"})
"""Locales that every machine has."""


@dataclasses.dataclass(frozen=True, slots=True)
class RecordedServerRequest:
    """
    Which server is meant: that of all databases of `cluster` or of one `database`, as of `backup`, which is an id,
    `latest` or `latest before <time>`.
    """

    repository: catalogue.RepositorySettings
    cluster: str
    database: str | None = None
    backup: str = "latest"


def read_server(request: RecordedServerRequest, world: World) -> Outcome:
    """
    Return what a server needs that takes the recorded one's place; facts hold it as `server`.

    What a stolen host may have written is left out, and said. Raise NotFound when there is no backup, KeyRefused when
    no key opens it, UsageError when it does not tell of its server.
    """
    if request.database is None and repository.BACKUP_ID.fullmatch(request.backup):
        raise UsageError("A backup is of one database.", "Set database, too.", field="database")
    opened = catalogue.open_repository(request.repository, world)
    chosen = [newer.choose(opened, name, request.backup, world.now()) for name in _components(request, opened)]
    backups = sorted((one.backup for one in chosen), key=lambda backup: choosing.age(backup.manifest))
    logical = [backup for backup in backups if backup.manifest.kind == layout.KIND]
    if not logical:
        raise NotFound(
            f"The store contains no backup of a database of {request.cluster}.",
            "List the backups with playbook lifeboat.recovery.list, and check application and cluster.",
        )
    records = [backup.record("globals") for backup in logical]
    servers = [ServerRecord.of(record) for record in records]
    server, left = _server(servers[-1], servers)
    server["tablespaces"] = _tablespaces(records[-1])
    facts = {"server": server, "backups": dict(map(_source, logical)), "left_out": left}
    return Outcome(changed=False, facts=facts, warnings=tuple(note for one in chosen for note in one.notes))


def _components(request: RecordedServerRequest, opened: Repository) -> list[str]:
    if request.database is not None:
        return [repository.component(request.cluster, request.database)]
    listed = opened.backups(repository.place(request.cluster, None))
    return sorted(choosing.newest_of_each(backup.manifest for backup in listed))


def _source(backup: Backup) -> tuple[str, str]:
    return repository.shown(backup.manifest.component)[1], backup.manifest.backup_id


def _server(newest: ServerRecord, every: Iterable[ServerRecord]) -> tuple[dict[str, t.Any], list[str]]:
    """Return what the role that makes the server takes, and sentences about what is left out."""
    settings, bound = carried.settings(newest.settings)
    lines, left = carried.rules(newest.hba)
    names = sorted({*bound, *newest.left_out})
    if names:
        left.insert(0, f"These settings stay with the old server: {', '.join(names)}.")
    left += [f"The backup does not record {what}: its role may not read them." for what in newest.missing]
    extensions = {name: version for record in every for name, version in record.extensions.items()}
    libraries = {word for name in carried.LIBRARIES for word in settings.get(name, "").split(",") if word}
    locales = {newest.collate, newest.ctype, *newest.locales, *(settings.get(name, "C") for name in OF_LOCALES)}
    same = ("version", "major", "package", "checksums", "wal_segment_size", "shared_buffers", "encoding", "provider")
    return {
        **{name: getattr(newest, name) for name in (*same, "collate", "ctype", "locale", "icu_rules")},
        "settings": settings,
        "hba": lines,
        "extensions": dict(sorted(extensions.items())),
        "libraries": sorted(libraries),
        "locales": sorted(locales - NEUTRAL),
    }, list(map(printable, left))


def _tablespaces(recorded: Mapping[str, t.Any]) -> list[dict[str, str]]:
    return [{"name": space["name"], "location": space["location"]} for space in recorded["tablespaces"]]
