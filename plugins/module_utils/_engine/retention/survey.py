# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What retention must know of a store before it decides: the backups, what is said about them, and what nothing lists.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import typing as t

from .. import repository
from ..catalogue import marks
from .planner import Candidate

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..catalogue.catalogue import Listed, Repository
    from ..stores.base import ObjectInfo

MISDATED = datetime.timedelta(hours=24)
"""How far a backup's own time may be from the one at which the store took it."""

TOMBSTONES = datetime.timedelta(days=366)
"""How long the marks of what expired stay, so that every host learns that its backup was not lost but let go."""


@dataclasses.dataclass(frozen=True, slots=True)
class Leftover:
    """
    Objects of one backup id that no manifest lists. `expired`: a signed mark says that this backup was let go.

    Without that they are an upload that never ended, or belong to a backup whose manifest somebody hid.
    """

    backup_id: str
    objects: tuple[ObjectInfo, ...]
    expired: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """What the store holds. `objects` are the files of each backup id, `mark_objects` its marks."""

    listed: tuple[Listed, ...]
    marks: Mapping[str, marks.Marks]
    objects: Mapping[str, list[ObjectInfo]]
    mark_objects: Mapping[str, list[ObjectInfo]]
    leftovers: tuple[Leftover, ...]
    newest: datetime.datetime | None

    def candidates(self, *, replica: bool, local: bool) -> list[Candidate]:
        """Give the backups as the planner takes them. The own times of a replica or a directory prove nothing."""
        return [self._candidate(entry, proving=not replica and not local) for entry in self.listed]

    def _candidate(self, entry: Listed, *, proving: bool) -> Candidate:
        record = entry.backup.manifest
        said = self.marks.get(record.backup_id, marks.Marks())
        return Candidate(
            component=record.component,
            backup_id=record.backup_id,
            finished=record.finished,
            scope=record.scope,
            kind=record.kind,
            reason=record.reason,
            size=record.size,
            parents=tuple(parent.backup_id for parent in record.parents),
            verified=said.verified(entry.backup.manifest_sha256),
            pinned=said.pinned,
            held=said.held,
            failed=entry.problem is not None,
            misdated=proving and abs(record.finished - entry.stored) > MISDATED,
        )


def survey(opened: Repository, place: str | None, old: datetime.datetime, now: datetime.datetime) -> Survey:
    """
    Look at all of it. `place` limits the backups to a cluster or a component; what nothing lists is looked for
    everywhere, and counts when its newest object is from before `old`.

    Raise StoreError when a listing does not come to its end.
    """
    objects: dict[str, list[ObjectInfo]] = collections.defaultdict(list)

    def list_all() -> dict[str, int]:
        for info in (info for prefix in repository.parts(opened.application) for info in opened.store.list(prefix)):
            if identity := repository.owner(opened.application, info.name):
                objects[identity].append(info)
        return {info.name: info.size for group in objects.values() for info in group}

    listed = opened.everything(place, list_all)
    marked = _mark_objects(opened)
    # Last, so that a backup that was finished meanwhile is known before its files are taken for leftovers.
    manifests = list(opened.store.list(repository.manifests(opened.application)))
    known = _identities(opened.application, manifests)
    here = {entry.backup.manifest.backup_id for entry in listed}
    said = _judged(opened, marked, here, objects.keys() - known)
    times = [info.modified for group in (manifests, *objects.values(), *marked.values()) for info in group]
    leftovers = [
        Leftover(
            identity,
            (*objects.get(identity, ()), *_removable(opened.application, marked.get(identity, ()), now)),
            identity in said and said[identity].expired,
        )
        for identity in sorted({*objects, *marked} - known)
    ]
    made_here = {receipt.backup_id for receipt in opened.receipts.of(opened.application)}
    going = tuple(one for one in leftovers if _may_go(one, made_here, old))
    return Survey(tuple(listed), said, objects, marked, going, max(times, default=None))


def _mark_objects(opened: Repository) -> dict[str, list[ObjectInfo]]:
    found: dict[str, list[ObjectInfo]] = collections.defaultdict(list)
    for info in opened.store.list(repository.marks(opened.application)):
        if parsed := repository.parse_mark(opened.application, info.name):
            found[parsed[0]].append(info)
    return found


def _judged(
    opened: Repository, marked: Mapping[str, list[ObjectInfo]], here: set[str], unlisted: set[str]
) -> dict[str, marks.Marks]:
    """Read the marks of the backups at hand, and of the files that nothing lists, whether their backup expired."""
    wanted = [
        info
        for identity, group in marked.items()
        for info in group
        if identity in here or (identity in unlisted and _is_tombstone(opened.application, info))
    ]
    said = marks.judge(opened.store, opened.custody, opened.application, wanted)
    opened.doubt(said.values())
    return said


def _may_go(one: Leftover, made_here: set[str], old: datetime.datetime) -> bool:
    # What this host finished and nobody let go was hidden, not left over.
    hidden = not one.expired and one.backup_id in made_here
    return bool(one.objects) and not hidden and max(info.modified for info in one.objects) < old


def _removable(application: str, infos: Iterable[ObjectInfo], now: datetime.datetime) -> list[ObjectInfo]:
    """Give the marks that may go of an id that no manifest has; its tombstone stays for a year."""
    return [info for info in infos if not _is_tombstone(application, info) or info.modified < now - TOMBSTONES]


def _is_tombstone(application: str, info: ObjectInfo) -> bool:
    parsed = repository.parse_mark(application, info.name)
    return parsed is not None and parsed[1] == "expired"


def _identities(application: str, infos: Iterable[ObjectInfo]) -> set[str]:
    parsed = (repository.parse_manifest(application, info.name) for info in infos)
    return {found[1] for found in parsed if found}
