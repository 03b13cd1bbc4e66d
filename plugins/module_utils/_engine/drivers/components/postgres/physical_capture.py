# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One attempt at a physical backup: what the server sends goes into a sink, and what is known of it beside."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ....ground.errors import Busy, DatabaseError
from ....ground.streams import counted
from ..base import Copy, Parent, WalRange
from ..source import Captured
from . import base_backup, physical_checks, physical_layout, physical_mode, physical_record, server, wal_files
from .base_backup import Begin, Command, Data
from .connection import Login, connect_replication, connect_server
from .copy_manifests import CopyManifests
from .physical_mode import Choice, Rules, Seen
from .wal_waiting import Waiting

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ....ground.model import World
    from ..base import Figures
    from ..source import Known, Link, SinkBesideWal
    from .base_backup import End, Event, Identity
    from .connection import Connection
    from .physical_checks import Facts
    from .server import ServerInfo

PROOF = "files"
"""What the server's manifest is compared with: the checksum of each file."""

Record = dict[str, t.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Copied:
    """What came: of what choice, the range of WAL that it needs, and which member holds what."""

    choice: Choice
    wal: WalRange
    tablespaces: list[Record]
    base: int
    manifest: int


class Stream:
    """The events of a copy: how it began, and of the others the next that is no data, `following`."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self.begin = t.cast("Begin", next(events))
        self.following = next(events)

    def content(self) -> Iterator[bytes]:
        """Yield the data of what began last; its end is known when something else has come."""
        for event in self._events:
            if not isinstance(event, Data):
                self.following = event
                return
            yield event.block


@dataclasses.dataclass(frozen=True, slots=True)
class Capture:
    """A copy of the server at `login`; the WAL that it needs is waited for with `patience`, in seconds, or included."""

    login: Login
    command: Command
    rules: Rules
    known: Known
    sink: SinkBesideWal
    world: World
    patience: float | None

    def captured(self) -> Captured:
        """Copy, wait for WAL, and store what is known. Raise Busy when a fresh attempt may succeed."""
        with contextlib.closing(connect_server(self.login, read_only=True)) as session:
            found = server.inspect(session)
            facts = physical_checks.preflight(session, found)
            with self.sink.phases("records"):
                recorded = physical_record.read(self.login, session)
            manifests = CopyManifests(self.known.memory)
            with self.sink.phases("files"):
                copied = self._copied(session, found, facts, manifests)
        if self.patience is not None:
            with self.sink.phases("wal"):
                Waiting(self.login, self.sink, self.world, self.patience).until_stored(copied.wal)
        self.sink.record("globals", {"server": recorded.server, "tablespaces": copied.tablespaces})
        detail = self._detail(copied, found, facts) | {"ident": recorded.ident, "databases": recorded.databases}
        self.sink.record("detail", {**detail, "phase_milliseconds": self.sink.phases.milliseconds})
        told = _told(copied, found, facts, physical_layout.figures(detail), recorded.warnings)
        return dataclasses.replace(
            told,
            copy=Copy(manifests.sha256, facts.checksums),
            warnings=(*told.warnings, *copied.choice.warnings, *filter(None, [manifests.trouble])),
            settle=lambda: manifests.keep_only(self.sink.backup_id),
        )

    def _copied(self, session: Connection, found: ServerInfo, facts: Facts, manifests: CopyManifests) -> Copied:
        with contextlib.ExitStack() as stack:
            choice, identifier, stream = self._begun(found, facts, stack)
            begin = stream.begin
            tablespaces = _named(session, begin)
            self._plan(begin)
            for number in range(1, len(tablespaces) + 2):
                self._stored(stream.content(), number)
            self._stored(manifests.passing(self.sink.backup_id, stream.content()), len(tablespaces) + 2)
        stop = t.cast("End", stream.following).stop
        if stop.timeline != begin.start.timeline:
            raise Busy(
                f"The server went from timeline {begin.start.timeline} to {stop.timeline} while it was copied.",
                "Back up when it follows one primary.",
            )
        included = self.patience is None
        wal = WalRange(identifier, stop.timeline, begin.start.lsn, stop.lsn, facts.segment_size, included)
        return Copied(choice, wal, tablespaces, len(tablespaces) + 1, len(tablespaces) + 2)

    def _begun(self, found: ServerInfo, facts: Facts, stack: contextlib.ExitStack) -> tuple[Choice, str, Stream]:
        """Begin the copy that is chosen; a full one where the server refuses an incremental one, if that may be."""
        replication = stack.enter_context(contextlib.closing(connect_replication(self.login)))
        identity = same_server(replication, found)
        choice = physical_mode.choose(self.rules, Seen.of(found, facts, identity), self.known, self.world)
        if choice.parent is not None:
            try:
                return choice, identity.system_identifier, self._incremental(replication, choice.parent)
            except DatabaseError as exc:
                choice = physical_mode.refused(self.rules, choice.parent, exc)
                replication = stack.enter_context(contextlib.closing(connect_replication(self.login)))
                same_server(replication, found)
        return choice, identity.system_identifier, Stream(base_backup.events(replication.pgconn, self.command))

    def _incremental(self, replication: Connection, parent: Link) -> Stream:
        blocks = CopyManifests(self.known.memory).blocks(parent.backup_id)
        base_backup.upload(replication.pgconn, blocks, parent.copy.manifest_sha256 if parent.copy else "")
        command = dataclasses.replace(self.command, incremental=True)
        return Stream(base_backup.events(replication.pgconn, command))

    def _plan(self, begin: Begin) -> None:
        sizes = [*(space.size for space in begin.tablespaces), begin.base_size, 0]
        self.sink.progress.plan({f"{number:04d}": size for number, size in enumerate(sizes, 1)})

    def _stored(self, content: Iterator[bytes], number: int) -> None:
        member = self.sink.progress.member(f"{number:04d}")
        self.sink.member(number, counted(content, member.note))
        member.finish()

    def _detail(self, copied: Copied, found: ServerInfo, facts: Facts) -> Record:
        return {
            "format": physical_layout.FORMAT,
            "compression": self.sink.compression,
            "label": self.command.label,
            "source": {
                "host": self.login.where,
                "port": self.login.port,
                "user": found.user,
                "server_version": found.version,
                "server_version_num": found.version_num,
                "system_identifier": copied.wal.system_identifier,
                "in_recovery": found.in_recovery,
                "replay_lsn": found.replay_lsn,
                "lag_bytes": found.lag_bytes,
                "lag_seconds": found.lag_seconds,
            },
            "checksums": facts.checksums,
            "tablespaces": copied.tablespaces,
            "base": copied.base,
            "manifest": copied.manifest,
        }


def same_server(replication: Connection, found: ServerInfo) -> Identity:
    """Return who a server is. Raise DatabaseError where a session and its copy are of two."""
    identity = base_backup.identify(replication.pgconn)
    identifier = identity.system_identifier
    if found.system_identifier not in {"", identifier}:
        raise DatabaseError(
            f"Two servers answer, with the system identifiers {found.system_identifier} and {identifier}.",
            "Set login_host, or login_unix_socket, to one server, and not to what chooses one of several.",
        )
    return identity


def _named(session: Connection, begin: Begin) -> list[Record]:
    """Return the tablespaces with their names. Raise Busy where one was dropped as the copy began."""
    known = physical_checks.spaces(session)
    if gone := [space.location for space in begin.tablespaces if space.oid not in known]:
        raise Busy(f"The tablespace in {gone[0]} was dropped as the copy began.", "Back up again.")
    return [
        {"oid": space.oid, "name": known[space.oid].name, "location": space.location, "member": number}
        for number, space in enumerate(begin.tablespaces, 1)
    ]


def _told(copied: Copied, found: ServerInfo, facts: Facts, figures: Figures, warnings: tuple[str, ...]) -> Captured:
    wal = copied.wal
    where = "included" if wal.included else "in the archive"
    count = len(copied.tablespaces)
    parent = copied.choice.parent
    return Captured(
        scope="incremental" if parent else "full",
        proof=PROOF,
        versions={"server": found.version},
        facts={
            **physical_mode.told(found, facts, copied.choice, len(copied.tablespaces), included=wal.included),
            "start": wal_files.shown(wal.start),
            "stop": wal_files.shown(wal.stop),
            "timeline": wal.timeline,
        },
        parents=(Parent(parent.backup_id, parent.manifest_sha256),) if parent else (),
        said=f"{copied.choice.said}data directory and {count} tablespace{'' if count == 1 else 's'}, WAL {where}",
        figures=figures,
        warnings=warnings,
        wal=wal,
    )
