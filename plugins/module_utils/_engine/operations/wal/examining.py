# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: what an application's stored logs are good for, and how far behind the servers are that write them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t
from datetime import timedelta

from ...drivers.components.base import WHOLE_CLUSTER
from ...drivers.components.postgres import archive_lag, heartbeat, wal_files
from ...drivers.components.postgres.connection import connect_server
from ...ground import units
from ...ground.model import Outcome
from ...records.repository import catalogue
from ...records.repository import names as repository
from ...records.wal import believing, judging, measuring, remembered, unfinished
from ...records.wal.bases import Base, range_of
from ...records.wal.contents import Server
from ...records.wal.lineage import Tree
from ...records.wal.reading import WalReader
from ...records.wal.segments import Forgotten

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ...drivers.components.postgres.connection import Connection, Login
    from ...ground.model import World
    from ...records.repository.catalogue import Backup, Repository, RepositorySettings
    from ...records.wal.archive import Archive
    from ...records.wal.judging import Window
    from ...records.wal.lineage import Stretch
    from ...records.wal.measuring import Pulse
    from ...records.wal.remembered import Listed


@dataclasses.dataclass(frozen=True, slots=True)
class WalInfoRequest:
    """Which application's logs: those of all clusters, or of one. With a `login` its server is asked too."""

    repository: RepositorySettings
    cluster: str = ""
    login: Login | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Live:
    """What a server says: the state of its archiver, and its pulse."""

    state: Mapping[str, t.Any]
    pulse: Pulse

    @property
    def system_identifier(self) -> str:
        return str(self.state["system_identifier"])


def examine(request: WalInfoRequest, world: World) -> Outcome:
    """Return what is stored, what lacks, and since when. Raise what the store and the keys raise."""
    opened = catalogue.open_repository(request.repository, world)
    component = repository.component(request.cluster, WHOLE_CLUSTER) if request.cluster else None
    bases = bases_of(opened.backups(component))
    live = ask(request.login) if request.login else None
    logs = look(opened, bases, request, live, world, whole=True)
    told = [problem for log in logs for problem in log["problems"]]
    counted = units.human_count(len(logs), "log")
    summary = f"{counted}, {units.human_count(len(told), 'problem')}: {told[0]}" if told else f"{counted}, no problem."
    meant = [log for log in logs if log["archiver"]] or logs
    if len(meant) == 1 and meant[0]["rpo_seconds"] is not None:
        summary += f" {_lost(meant[0])}"
    return Outcome(changed=False, facts={"wal": logs, "summary": summary})


def bases_of(backups: Iterable[Backup]) -> dict[str, tuple[Backup, ...]]:
    """Return the physical backups among some by the system identifier of their server."""
    found: dict[str, tuple[Backup, ...]] = {}
    for backup in backups:
        if backup.manifest.wal:
            identifier = backup.manifest.wal.system_identifier
            found[identifier] = (*found.get(identifier, ()), backup)
    return found


def ask(login: Login) -> Live:
    """Return what a server says of its archive. Raise DatabaseError where its role may not see it."""
    with contextlib.closing(connect_server(login, read_only=True)) as session:
        return answer(session)


def answer(session: Connection) -> Live:
    """Return the same, within a session in a database that every server has."""
    return Live(archive_lag.look(session), _pulse(session))


def _pulse(session: Connection) -> Pulse:
    beats = heartbeat.beats(session)
    clock = archive_lag.clock(session)
    timeout = timedelta(seconds=clock.archive_timeout)
    return measuring.Pulse(clock.now, clock.timeline, timeout, beats or (), has_heartbeat=beats is not None)


def look(
    opened: Repository,
    bases: Mapping[str, tuple[Backup, ...]],
    request: WalInfoRequest,
    live: Live | None,
    world: World,
    *,
    whole: bool = False,
) -> list[dict[str, t.Any]]:
    """
    Return the facts of the logs of some backups; of all that are stored where the request names no cluster.

    `live` is what a server says, whose log is among them. What the host remembers of a log is not listed again, unless
    the `whole` of it is wanted.
    """
    sizes = {
        of[0].manifest.wal.system_identifier: of[0].manifest.wal.segment_size
        for of in bases.values()
        if of[0].manifest.wal
    }
    if live:
        sizes[live.system_identifier] = live.state["segment_size"]
    wanted = {*sizes}
    if not request.cluster and not live:
        wanted.update(remembered.identifiers(opened.store, opened.application))
    settings = request.repository
    memory = remembered.Memory(settings.state_dir, opened.application, settings.place)
    known = {} if whole else memory.read()
    looked, told = {}, []
    for one in sorted(wanted):
        held, now = known.get(one), world.now()
        size = sizes.get(one, wal_files.DEFAULT_SIZE)
        listed = remembered.again(opened.store, opened.application, held, size, now)
        facts = None
        if listed is not None:
            with contextlib.suppress(Forgotten):
                facts = _log(opened, listed, bases.get(one, ()), live, now)
        if listed is None or facts is None:
            listed = remembered.whole(opened.store, opened.application, one, size, now)
            facts = _log(opened, listed, bases.get(one, ()), live, now)
        looked[one] = listed
        told.append(facts)
    if not world.dry_run:
        memory.keep(looked)
    return told


def _log(
    opened: Repository, listed: Listed, bases: tuple[Backup, ...], live: Live | None, now: datetime
) -> dict[str, t.Any]:
    held = listed.archive
    identifier, size = held.system_identifier, held.segment_size
    reader = WalReader(opened.store, opened.trusted_keys, Server(identifier, size))
    strange: list[str] = []
    believing.ends(held, reader, strange.append)
    based = {range_of(base).timeline for base in bases}
    tree = Tree(believing.histories(held, reader, reader.lineage, based, strange.append))
    told = [_timeline(held, timeline) for timeline in held.timelines]
    _admit(held, reader)
    judge = judging.Judge(held, tree, [Base.of(one) for one in bases])
    windows, gaps, forked = list(judge.windows()), judge.gaps(), list(judge.forked())
    own = live if live and live.system_identifier == identifier else None
    loss = measuring.measure(judge, own.pulse if own else None, now)
    return {
        "system_identifier": identifier,
        "components": sorted({base.manifest.component for base in bases}),
        "segment_size": size,
        "size": held.bytes,
        "timelines": told,
        "windows": [_window(window, size) for window in windows],
        "gaps": [judging.named(gap, size) for gap in gaps],
        "forked": [{"timeline": one.timeline, "child": one.child, "stored": one.stored.isoformat()} for one in forked],
        "listed": listed.at.isoformat(),
        "listed_whole": listed.whole.isoformat(),
        "archiver": own.state if own else None,
        **loss.facts,
        "problems": [
            *strange,
            *(_stretch(gap, size) for gap in gaps),
            *(
                f"Timeline {one.timeline} was written to at {one.stored.isoformat()}, after timeline {one.child} had "
                "begun on it: two servers took writes."
                for one in forked
            ),
            *(f"{wal_files.history(timeline)} lacks." for timeline in judge.unknown if not _began_on(bases, timeline)),
            *(archive_lag.problems(own.state) if own else ()),
            *(measuring.problems(loss, own.pulse, based=bool(bases)) if own else ()),
        ],
    }


def _admit(held: Archive, reader: WalReader) -> None:
    """Let count what is stored of segments that are not whole."""
    for timeline, number in unfinished.behind(held, reader.signed):
        file = wal_files.parse(wal_files.segment(timeline, number, held.segment_size))
        if stored := unfinished.stored(held, reader, file):
            held.admit(timeline, number, stored[0].timestamp(), stored[1])


def _began_on(bases: Iterable[Backup], timeline: int) -> bool:
    return any(range_of(base).timeline == timeline for base in bases)


def _timeline(held: Archive, timeline: int) -> dict[str, t.Any]:
    segments = held.segments.get(timeline)
    if not segments:
        return {
            "timeline": timeline,
            "segments": 0,
            "first": None,
            "last": None,
            "stored_from": None,
            "stored_to": None,
        }
    first, last = segments.stored(segments.first), segments.stored(segments.last)
    return {
        "timeline": timeline,
        "segments": len(segments),
        "first": wal_files.segment(timeline, segments.first, held.segment_size),
        "last": wal_files.segment(timeline, segments.last, held.segment_size),
        "stored_from": first.isoformat() if first else None,
        "stored_to": last.isoformat() if last else None,
    }


def _lost(log: Mapping[str, t.Any]) -> str:
    last = units.human_duration(log["rpo_seconds"])
    if log["rpo_from"] == measuring.HEARTBEAT:
        return f"A recovery would lose the last {last} at most, as the heartbeats in the store say."
    return f"A recovery would lose the last {last}, or somewhat more."


def _window(window: Window, size: int) -> dict[str, t.Any]:
    return {
        "backup_id": window.base.backup_id,
        "timeline": window.timeline,
        "from": window.since.isoformat(),
        "to": window.until.isoformat() if window.until else None,
        "gap": judging.named(window.gap, size) if window.gap else None,
    }


def _stretch(gap: Stretch, size: int) -> str:
    told = judging.named(gap, size)
    if gap.first == gap.last:
        return f"{told['first']} lacks."
    return f"{units.human_count(told['segments'], 'segment')} from {told['first']} to {told['last']} lack."
