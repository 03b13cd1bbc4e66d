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

from ...drivers.components.base import WHOLE_CLUSTER
from ...drivers.components.postgres import archive_lag, wal_files
from ...drivers.components.postgres.connection import connect_server
from ...ground import units
from ...ground.model import Outcome
from ...records.repository import catalogue
from ...records.repository import names as repository
from ...records.wal import archive, judging
from ...records.wal.bases import Base, range_of
from ...records.wal.contents import Server
from ...records.wal.lineage import Tree
from ...records.wal.reading import WalReader

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...drivers.components.postgres.connection import Login
    from ...ground.model import World
    from ...records.repository.catalogue import Backup, Repository, RepositorySettings
    from ...records.wal.archive import Archive
    from ...records.wal.judging import Window
    from ...records.wal.lineage import Stretch


@dataclasses.dataclass(frozen=True, slots=True)
class WalInfoRequest:
    """Which application's logs: those of all clusters, or of one. With a `login` its server is asked too."""

    repository: RepositorySettings
    cluster: str = ""
    login: Login | None = None


def examine(request: WalInfoRequest, world: World) -> Outcome:
    """Return what is stored, what lacks, and since when. Raise what the store and the keys raise."""
    opened = catalogue.open_repository(request.repository, world)
    bases = _bases(opened, request.cluster)
    live = _live(request.login)
    sizes = {one.wal.system_identifier: one.wal.segment_size for one in _manifests(bases.values())}
    if live:
        sizes[live["system_identifier"]] = live["segment_size"]
    listed = archive.listed(opened.store, opened.application, sizes)
    wanted = set(sizes) if request.cluster or live else {*sizes, *listed}
    logs = [
        _log(opened, listed.get(one) or archive.Archive(one, sizes[one]), bases.get(one, ()), live)
        for one in sorted(wanted)
    ]
    told = [problem for log in logs for problem in log["problems"]]
    counted = units.human_count(len(logs), "log")
    summary = f"{counted}, {units.human_count(len(told), 'problem')}: {told[0]}" if told else f"{counted}, no problem."
    return Outcome(changed=False, facts={"wal": logs, "summary": summary})


def _bases(opened: Repository, cluster: str) -> dict[str, tuple[Backup, ...]]:
    """Return the physical backups by the system identifier of their server."""
    component = repository.component(cluster, WHOLE_CLUSTER) if cluster else None
    found: dict[str, tuple[Backup, ...]] = {}
    for backup in opened.backups(component):
        if backup.manifest.wal:
            identifier = backup.manifest.wal.system_identifier
            found[identifier] = (*found.get(identifier, ()), backup)
    return found


def _manifests(backups: Iterable[tuple[Backup, ...]]) -> Iterable[t.Any]:
    return (backup.manifest for some in backups for backup in some)


def _live(login: Login | None) -> Mapping[str, t.Any] | None:
    if login is None:
        return None
    with contextlib.closing(connect_server(login, read_only=True)) as session:
        return archive_lag.look(session)


def _log(
    opened: Repository, held: Archive, bases: tuple[Backup, ...], live: Mapping[str, t.Any] | None
) -> dict[str, t.Any]:
    identifier, size = held.system_identifier, held.segment_size
    reader = WalReader(opened.store, opened.trusted_keys, Server(identifier, size))
    tree = Tree({timeline: reader.lineage(timeline) for timeline in held.histories})
    judge = judging.Judge(held, tree, [Base.of(one) for one in bases])
    windows, gaps, forked = list(judge.windows()), judge.gaps(), list(judge.forked())
    own = live if live and live["system_identifier"] == identifier else None
    return {
        "system_identifier": identifier,
        "components": sorted({base.manifest.component for base in bases}),
        "segment_size": size,
        "size": held.bytes,
        "timelines": [_timeline(held, timeline) for timeline in held.timelines],
        "windows": [_window(window, size) for window in windows],
        "gaps": [judging.named(gap, size) for gap in gaps],
        "archiver": own,
        "problems": [
            *(_stretch(gap, size) for gap in gaps),
            *(
                f"Timeline {one.timeline} was written to at {one.stored.isoformat()}, after timeline {one.child} had "
                "begun on it: two servers took writes."
                for one in forked
            ),
            *(f"{wal_files.history(timeline)} lacks." for timeline in judge.unknown if not _began_on(bases, timeline)),
            *(archive_lag.problems(own) if own else ()),
        ],
    }


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
