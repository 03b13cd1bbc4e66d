# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a server's backups and of its log before a recovery: read from the store, and nowhere else."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import typing as t

from ...drivers.components.base import WHOLE_CLUSTER
from ...drivers.components.postgres import wal, wal_files
from ...ground.errors import NotFound
from ...records.repository import names as repository
from ...records.wal import archive, believing, contents, unfinished
from ...records.wal.bases import Base, range_of
from ...records.wal.lineage import Tree
from ...records.wal.reading import WalReader
from ..wal import fetching
from ..wal.sources import Sources
from .planning import Planner

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ...drivers.components.postgres.recovering_server import Owner
    from ...drivers.components.postgres.server import Programs
    from ...drivers.components.postgres.timelines import Ancestor
    from ...drivers.components.postgres.wal import Ended
    from ...records.repository.catalogue import Backup, Repository
    from ...records.wal.archive import Archive
    from ..wal.old_wal import OldWal
    from .plan import Plan


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """
    The physical backups of one server, by id, and its log, with what is there of segments that are not whole.

    `admitted` are the segments that only the `pg_wal` of the stopped server has whole.
    """

    component: str
    server: contents.Server
    backups: Mapping[str, Backup]
    archive: Archive
    tree: Tree
    sources: Sources
    admitted: frozenset[str] = frozenset()

    def gained(self, plan: Plan) -> frozenset[str]:
        """Return the segments of a plan that only the stopped server has."""
        size = self.server.segment_size
        numbers = range(plan.first, plan.last + 1)
        files = map(wal_files.parse, self.admitted)
        within = (file for file in files if file.number(size) in numbers)
        return frozenset(file.name for file in within if plan.branch.segment(file.number(size), size) == file.name)

    def planner(self, programs: Programs, scratch: str, owner: Owner) -> Planner:
        """Return who plans recoveries of it; segments that have to be looked into are put below `scratch`."""
        bases = [Base.of(one) for one in self.backups.values()]

        def ended(timeline: int, number: int) -> Sequence[Ended]:
            name = wal_files.segment(timeline, number, self.server.segment_size)
            path = os.path.join(scratch, name)
            try:
                if not fetching.fetch(self.sources, name, path):
                    return ()
                return wal.ended(programs.directory, path, owner.prefix)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)

        return Planner(bases, self.archive, self.tree, ended)


def know(
    opened: Repository, cluster: str, backup_id: str = "", old: Callable[[contents.Server], OldWal] | None = None
) -> Known:
    """
    Return what the store holds of the server of a cluster: the one that made `backup_id`, else the newest backup.
    `old` finds what a stopped server has in its `pg_wal`.

    Raise NotFound where there is no physical backup of it, and what the store and the keys raise.
    """
    component = repository.component(cluster, WHOLE_CLUSTER)
    found = {one.manifest.backup_id: one for one in opened.backups(component) if one.manifest.wal}
    if backup_id and backup_id not in found:
        raise NotFound(
            f"There is no physical backup {backup_id} of {component}.", "List them with lifeboat.recovery.list."
        )
    if not found:
        raise NotFound(
            f"There is no physical backup of {component}.", "Make one with playbook lifeboat.recovery.physical."
        )
    return of_server(opened, found[backup_id] if backup_id else list(found.values())[-1], found, old)


def of_server(
    opened: Repository,
    newest: Backup,
    found: Mapping[str, Backup],
    old: Callable[[contents.Server], OldWal] | None = None,
) -> Known:
    """Return what the store holds of the server that made a backup, and of those `found` what is of that server."""
    identifier, size = range_of(newest).system_identifier, range_of(newest).segment_size
    server = contents.Server(identifier, size)
    reader = WalReader(opened.store, opened.trusted_keys, server)
    listed = archive.listed(opened.store, opened.application, {identifier: size}, identifier)
    log = listed.get(identifier) or archive.Archive(identifier, size)
    sources = Sources(reader, old(server) if old else None)
    own = {name: one for name, one in found.items() if range_of(one).system_identifier == identifier}
    bases = [Base.of(one) for one in own.values()]
    sources.passed_over = believing.ends(log, reader, sources.refuse, following=True)
    based = {base.timeline for base in bases}
    histories = believing.histories(log, reader, reader.history, based, sources.refuse)
    histories |= continuing(log, bases, histories, sources)
    tree = Tree(histories)
    admitted = frozenset(_admit(log, sources, histories))
    return Known(newest.manifest.component, server, own, log, tree, sources, admitted)


def continuing(
    log: Archive, bases: Sequence[Base], stored: Mapping[int, tuple[Ancestor, ...]], sources: Sources
) -> dict[int, tuple[Ancestor, ...]]:
    """
    Return the histories that only the stopped server has, as far as they go on where what is stored ends.

    Nobody signed them: none may decide that something is not part of the log which is stored. What does is reported.
    """
    found: dict[int, tuple[Ancestor, ...]] = {}
    newest = max(stored, default=wal_files.FIRST)
    for timeline, ancestors in sorted(sources.histories.items()):
        if timeline in stored:
            continue
        parent, fork = ancestors[-1]
        whole = log.segments.get(parent)
        ends = [base.stop for base in bases if base.timeline == parent]
        end = max([(whole.last + 1) * log.segment_size if whole else 0, *ends])
        known = {**stored, **found} if parent > wal_files.FIRST else {parent: ()}
        if parent == newest and ancestors[:-1] == known.get(parent) and fork >= end:
            found[timeline], newest = ancestors, timeline
            continue
        sources.refuse(
            f"{wal_files.history(timeline)} in pg_wal of the stopped server leaves timeline {parent} at "
            f"{wal_files.shown(fork)}, which is not the end of what is stored. It was not used: archive it from there "
            "if it is right."
        )
    return found


def _admit(log: Archive, sources: Sources, histories: Iterable[int]) -> Iterator[str]:
    """
    Let count what is there of the log behind the last whole segments, and in its gaps.

    Yield the names of what the stopped server alone has whole.
    """
    size = log.segment_size
    lacking = [file for file in sources.old_segments if not _is_whole(log, file.timeline, file.number(size))]
    for timeline in histories:
        log.histories.setdefault(timeline, [])
    for timeline, number in unfinished.behind(log, sources.reader.signed):
        if sources.unfinished(wal_files.parse(wal_files.segment(timeline, number, size))):
            log.admit(timeline, number)
    for file in lacking:
        log.admit(file.timeline, file.number(size))
        yield file.name


def _is_whole(log: Archive, timeline: int, number: int) -> bool:
    return timeline in log.segments and log.segments[timeline].count(number, number) > 0


@contextlib.contextmanager
def scratch(owner: Owner) -> Iterator[str]:
    """Yield a directory of the server's user for what is looked into, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lifeboat-") as directory:
        if os.geteuid() == 0:
            os.chown(directory, owner.uid, owner.gid)
        yield directory
