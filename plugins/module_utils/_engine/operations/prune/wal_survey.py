# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What retention must know of a write-ahead log: what there is of it, where its timelines come from, and which base
backups need it, those of other clusters too.

All of it is listed before anything is deleted. It is planned after the backups were, by what really became of them.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...drivers.components.base import WHOLE_CLUSTER
from ...drivers.components.postgres import timelines, wal_files
from ...drivers.crypto import lbx
from ...ground.errors import NotFound, Tampered
from ...ground.units import human_count
from ...ground.workers import at_once
from ...records.repository import names as repository
from ...records.repository import readings
from ...records.retention import wal_planner
from ...records.retention.wal_needs import Base
from ...records.wal import archive, names
from ...records.wal.lineage import Tree
from . import leftovers

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping

    from ...records.repository.catalogue import Repository
    from ...records.repository.manifest import Manifest
    from ...records.retention.planner import Plan
    from ...records.retention.wal_planner import ServerPlan
    from ...records.wal.archive import Archive
    from .removal import Removed
    from .survey import Survey


@dataclasses.dataclass(frozen=True, slots=True)
class Log:
    """
    The log of each server, and where its timelines come from; a server is missing in `trees` where that is not sure.

    `elsewhere` are the bases of clusters that are not looked after now, `doubt` says why no base can be relied on to
    be known, and `missing` how many backups are not listed.
    """

    archives: Mapping[str, Archive]
    trees: Mapping[str, Tree]
    elsewhere: tuple[Base, ...] = ()
    doubt: str = ""
    missing: int = 0


NOTHING = Log({}, {})


def look(opened: Repository, found: Survey, place: str | None) -> Log:
    """
    List the log, of those servers alone of which there are bases in `place`; of one database there is none.

    Raise StoreError when a listing does not come to its end.
    """
    below = repository.wal(opened.application)
    of_cluster = place is None or "/" not in place or place.endswith(f"/{WHOLE_CLUSTER}")
    if not of_cluster or next(iter(opened.store.list(below)), None) is None:
        return NOTHING
    records = [entry.backup.manifest for entry in found.listed]
    others, doubt = _elsewhere(opened, {record.backup_id for record in records}) if place else ([], "")
    sizes = {wal.system_identifier: wal.segment_size for one in (*records, *others) if (wal := one.wal) is not None}
    archives = archive.listed(opened.store, opened.application, sizes)
    if place:
        here = {wal.system_identifier for record in records if (wal := record.wal) is not None}
        archives = {identifier: one for identifier, one in archives.items() if identifier in here}
    trees = {identifier: tree for identifier, one in archives.items() if (tree := _tree(opened, one)) is not None}
    elsewhere = tuple(base for one in others if (base := _base(one, sound=False)) is not None)
    return Log(archives, trees, elsewhere, doubt or _unbelieved(opened), _missing(opened, found))


def planned(  # noqa: PLR0917
    opened: Repository,
    log: Log,
    found: Survey,
    plan: Plan,
    removed: Removed,
    rules: wal_planner.Rules,
    now: datetime.datetime,
) -> tuple[ServerPlan, ...]:
    """Decide on the log, now that some of the backups are gone."""
    if not log.archives:
        return ()
    records = {entry.backup.manifest.backup_id: entry.backup.manifest for entry in found.listed}
    # Who announced himself meanwhile needs the log from the base that he reads.
    announced = opened.store.list(repository.marks(opened.application))
    read = {*readings.standing(opened.store, opened.application, announced, now), *removed.read, *found.in_use}
    going = set(removed.backups).difference(read)
    stay, gone = list(log.elsewhere), list[Base]()
    for one in (decision.candidate for decision in plan.decisions):
        sound = not (one.failed or one.unusable or one.misdated)
        if base := _base(records[one.backup_id], sound=sound, in_use=one.backup_id in read):
            (gone if one.backup_id in going else stay).append(base)
    refused = log.doubt
    if log.missing and not rules.force:
        refused = refused or f"{human_count(log.missing, 'backup')} that may need it are not listed"
    return wal_planner.plan(log.archives, log.trees, stay, gone, rules, now, refused=refused)


def _base(record: Manifest, *, sound: bool, in_use: bool = False) -> Base | None:
    """Return a base backup as the planner takes it; None for a backup of another kind."""
    wal = record.wal
    if wal is None:
        return None
    return Base(
        record.backup_id,
        record.started,
        record.finished,
        wal.system_identifier,
        wal.timeline,
        wal.start,
        wal.stop,
        sound=sound,
        in_use=in_use,
        included=wal.included,
    )


def _elsewhere(opened: Repository, known: set[str]) -> tuple[list[Manifest], str]:
    """Return the base backups of other clusters: a server that moved may have its log in common with one of them."""
    listed = opened.store.list(repository.manifests(opened.application))
    places = [place for info in listed if (place := repository.parse_manifest(opened.application, info.name))]
    wanted = [place for place in places if place[0].endswith(f"/{WHOLE_CLUSTER}") and place[1] not in known]
    found, doubt = [], ""
    for place, record in zip(wanted, at_once(lambda one: _read(opened, *one), wanted), strict=True):
        if record is None:
            doubt = f"the manifest of {place[1]} cannot be believed"
        else:
            found.append(record)
    return found, doubt


def _read(opened: Repository, component: str, identity: str) -> Manifest | None:
    try:
        return opened.read(component, identity).manifest
    except (Tampered, NotFound):
        return None


def _unbelieved(opened: Repository) -> str:
    """Say that a base backup cannot be read; nothing where all can."""
    kinds = {"manifest", "stranger", "exchanged"}
    bad = (one.name for one in opened.problems if one.kind in kinds and one.component.endswith(f"/{WHOLE_CLUSTER}"))
    name = next(bad, "")
    return f"the manifest {name} cannot be believed" if name else ""


def _missing(opened: Repository, found: Survey) -> int:
    """Return how many backups are not listed that may be base backups: of some it is known that they are none."""
    of = leftovers.remembered(opened)
    return sum(of.get(identity, WHOLE_CLUSTER).endswith(WHOLE_CLUSTER) for identity in found.missing)


def _tree(opened: Repository, held: Archive) -> Tree | None:
    """Return where the timelines come from, as the heads of their histories say; None where two differ."""
    histories: dict[int, tuple[timelines.Ancestor, ...]] = {}
    wanted = [(timeline, name) for timeline, listed in held.histories.items() for name in listed]
    read = at_once(lambda one: _ancestors(opened, held.system_identifier, *one), wanted)
    for (timeline, _name), ancestors in zip(wanted, read, strict=True):
        if ancestors is not None and histories.setdefault(timeline, ancestors) != ancestors:
            return None
    return Tree(histories)


def _ancestors(
    opened: Repository, system_identifier: str, timeline: int, name: str
) -> tuple[timelines.Ancestor, ...] | None:
    """Return what the head of a history says, None where it cannot be believed."""
    try:
        scope = names.scope(system_identifier)
        signers = opened.trusted_keys.timeless_signers(scope, lambda: opened.store.head(name).modified)
        start = opened.store.get(name, 0, lbx.HEAD_LIMIT)
        head, _rest = lbx.read_head(start, lbx.Expected(name, signers))
        said: Iterable[tuple[int, str]] = head.lineage or ()
        ancestors = tuple(timelines.Ancestor(number, wal_files.lsn(position)) for number, position in said)
        timelines.check(ancestors, timeline)
    except (Tampered, NotFound, ValueError):
        return None
    return ancestors or None
