# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What is to be watched of the archived logs: to which moments they recover, by the store, and what keeps them from it, by
the server.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import typing as t

from ...drivers.components.postgres import archive_lag
from ...drivers.components.postgres.connection import connect_server
from ...ground.errors import RecoveryError
from ...records.repository import names as repository
from ...records.wal import remembered
from ...records.wal.measuring import HEARTBEAT
from . import examining

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ...drivers.components.postgres.connection import Login
    from ...drivers.stores.base import ObjectInfo
    from ...ground.model import World
    from ...records.repository.catalogue import Backup, Repository, RepositorySettings
    from .examining import Live


@dataclasses.dataclass(frozen=True, slots=True)
class Archiving:
    """
    The server of a cluster, if its log is archived: `login` asks it.

    `disk` are the bytes of the disk on which its `pg_wal` is, where somebody said so.
    """

    login: Login | None = None
    disk: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Whose logs to look at: those of a `cluster`, or of all; with `archiving` there should be one of it."""

    repository: RepositorySettings
    cluster: str | None = None
    archiving: Archiving | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class LogStatus:
    """
    One server's log. `listed` is when the store was last asked of it; None where this host may not ask.

    Where it could be asked, `gaps`, `forked` and `bytes` are known, and `since` and `until` are the moments to which
    its newest backup and those before it recover without a gap; `base` is when that backup ended, None without one.
    `rpo` are the seconds that would be lost, where that was measured. `archiver` is what its server says, and `answers`
    whether it said anything; None where that was not asked.
    """

    cluster: str
    system_identifier: str = ""
    listed: datetime.datetime | None = None
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    base: datetime.datetime | None = None
    gaps: int | None = None
    forked: int | None = None
    bytes: int | None = None
    problems: tuple[str, ...] = ()
    rpo: float | None = None
    archiver: Mapping[str, t.Any] | None = None
    answers: bool | None = None
    disk: int | None = None

    @property
    def share(self) -> float | None:
        """Which part of its disk `pg_wal` takes, from 0 to 1; None where that is not known."""
        if not self.archiver or not self.disk:
            return None
        return float(self.archiver["log_bytes"] or 0) / self.disk


NEVER = datetime.datetime.fromtimestamp(0, datetime.UTC)


def look(
    opened: Repository, backups: Iterable[Backup], wanted: Wanted, world: World
) -> tuple[tuple[LogStatus, ...], list[str]]:
    """Return the logs as store and server tell, and what stood in the way."""
    cluster, archiving = wanted.cluster, wanted.archiving
    live, disk, warnings = _asked(cluster, archiving)
    of_cluster = [one for one in backups if cluster in {None, repository.shown(one.manifest.component)[0]}]
    bases = examining.bases_of(of_cluster)
    request = examining.WalInfoRequest(wanted.repository, cluster or "")
    answers = bool(live) if archiving and archiving.login else None
    found = [
        _status(cluster, told, disk, answers)
        for told in examining.look(opened, bases, request, live, world)
        # A backup that has its log in itself makes no archive.
        if told["timelines"] or (archiving and told["archiver"])
    ]
    if archiving is not None and not found:  # there should be one, and somebody is to miss it
        found = [LogStatus(cluster or "", "", world.now(), gaps=0, forked=0, bytes=0, answers=answers)]
    return tuple(found), warnings


def unlisted(wanted: Wanted, *, readable: bool) -> tuple[tuple[LogStatus, ...], list[str]]:
    """
    Return the log of a host that cannot list its store: as its server tells. Where it usually may, `readable`, that was
    last listed when the host remembers.
    """
    settings, cluster, archiving = wanted.repository, wanted.cluster, wanted.archiving
    live, disk, warnings = _asked(cluster, archiving)
    if archiving is None:
        return (), warnings
    known = remembered.Memory(settings.state_dir, settings.application, settings.place).read()
    identifier = live.system_identifier if live else ""
    seen = [one.at for name, one in known.items() if identifier in {"", name}]
    listed = max(seen, default=NEVER) if readable else None
    answers = bool(live) if archiving.login else None
    status = LogStatus(
        cluster or "", identifier, listed, archiver=live.state if live else None, answers=answers, disk=disk
    )
    return (status,), warnings


def beside(opened: Repository) -> Iterator[ObjectInfo]:
    """Yield all objects of the application but its logs, which are most of them."""
    root, below = repository.root(opened.application), repository.wal(opened.application)
    for info in opened.store.list(root):
        if info.name.startswith(below):
            yield from opened.store.list(root, below[:-1] + remembered.NEXT)
            return
        yield info


def use(opened: Repository, settings: RepositorySettings, world: World) -> tuple[int, int]:
    """Return the bytes of all logs and the number of their objects, as far as that is remembered."""
    memory = remembered.Memory(settings.state_dir, opened.application, settings.place)
    known = memory.read()
    found = remembered.all_of(opened.store, opened.application, known, world.now())
    if not world.dry_run:
        # What was added since is judged by those whose log it is, and remembered then.
        memory.keep({name: one for name, one in found.items() if name not in known or one.whole > known[name].whole})
    archives = [one.archive for one in found.values()]
    return sum(one.bytes for one in archives), sum(one.count for one in archives)


def ask(login: Login) -> tuple[Live, int | None]:
    """Return what a server says of its archive, and the bytes of its log's disk where that is known."""
    with contextlib.closing(connect_server(login, read_only=True)) as session:
        local = bool(login.unix_socket) or not login.host
        return examining.answer(session), archive_lag.disk(session) if local else None


def _asked(cluster: str | None, archiving: Archiving | None) -> tuple[Live | None, int | None, list[str]]:
    if archiving is None or archiving.login is None:
        return None, None, []
    try:
        live, disk = ask(archiving.login)
        return live, archiving.disk or disk, []
    except RecoveryError as exc:
        return None, None, [f"The archiver of cluster {cluster} could not be asked. {exc.cause}"]


def _status(cluster: str | None, told: Mapping[str, t.Any], disk: int | None, answers: bool | None) -> LogStatus:
    windows = _reaching(told["windows"])
    beats = told["rpo_from"] == HEARTBEAT
    measured = told["recoverable_until"] if beats else None
    until = _time(measured) if measured else max((one["to"] for one in windows), default=None)
    own = {repository.shown(component)[0] for component in told["components"]}
    return LogStatus(
        cluster=cluster or ", ".join(sorted(own)),
        system_identifier=told["system_identifier"],
        listed=_time(told["listed"]),
        since=min((one["from"] for one in windows), default=None),
        until=until if windows else None,
        base=max((one["from"] for one in windows), default=None),
        gaps=len(told["gaps"]),
        forked=len(told["forked"]),
        bytes=told["size"],
        problems=tuple(told["problems"]),
        rpo=told["rpo_seconds"] if beats else None,
        archiver=told["archiver"],
        answers=answers,
        disk=disk if told["archiver"] else None,
    )


def _reaching(windows: Iterable[Mapping[str, t.Any]]) -> list[dict[str, datetime.datetime]]:
    """
    Return the windows of the newest backup along the newest timeline that it leads to, and of those backups before it
    that reach as far.
    """
    whole = [one for one in windows if one["to"]]
    newest = max(whole, key=lambda one: (one["from"], one["timeline"]), default=None)
    if newest is None:
        return []
    alike = [one for one in whole if all(one[name] == newest[name] for name in ("timeline", "to", "gap"))]
    return [{name: _time(one[name]) for name in ("from", "to")} for one in alike]


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)
