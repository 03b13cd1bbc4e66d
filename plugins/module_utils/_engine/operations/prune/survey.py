# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What retention must know of a store before it decides: the backups, what is said about them, and what nothing lists.

A listing is not believed alone where something would be destroyed because of what it does not show: the manifests are
listed twice, and each thing that seems to be left over is asked for by its own names.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import functools
import typing as t

from ...drivers.stores.base import is_there
from ...ground.errors import InconsistentStore
from ...ground.workers import at_once
from ...records.repository import marks, protection, readings
from ...records.repository import names as repository
from ...records.retention.planner import Candidate, Refusal, plan
from . import leftovers

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ...drivers.stores.base import ObjectInfo
    from ...records.audit.log import Entry
    from ...records.repository.catalogue import Listed, Repository
    from ...records.retention.policy import Policy
    from .leftovers import Leftover

MISDATED = datetime.timedelta(hours=24)
"""How far a backup's own time may be from the one at which the store took it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """
    What the store holds. `objects` are the files of each backup id, `mark_objects` its marks; `known` are the ids that
    have a manifest, and `missing` those that must have one. `in_use` says who reads a backup, and `lapsed` are the
    announcements of readers that are no more; `unfinished` is what belongs to no object, and is old.
    """

    listed: tuple[Listed, ...]
    marks: Mapping[str, marks.Marks]
    objects: Mapping[str, list[ObjectInfo]]
    mark_objects: Mapping[str, list[ObjectInfo]]
    leftovers: tuple[Leftover, ...]
    newest: datetime.datetime | None
    known: frozenset[str]
    missing: frozenset[str]
    in_use: Mapping[str, str]
    lapsed: tuple[ObjectInfo, ...]
    unfinished: tuple[ObjectInfo, ...]

    @property
    def abandoned(self) -> tuple[ObjectInfo, ...]:
        """What is unfinished and is to be collected: nothing beside leftovers that stay."""
        staying = {one.backup_id for one in self.leftovers if one.hidden or one.stays}
        return tuple(info for info in self.unfinished if staying.isdisjoint(info.name.split("/")))

    @property
    def going(self) -> tuple[Leftover, ...]:
        """The leftovers that are to be collected."""
        return tuple(one for one in self.leftovers if not one.hidden and not one.stays)

    def limited(self, share: int, *, force: bool) -> Survey:
        """Let unexplained leftovers stay that are more than so many percent of all; nothing explains them but us."""
        # Of those that stay already nothing is lost.
        unexplained = sum(not one.expired for one in self.going)
        total = len(self.known) + len(self.missing) + unexplained
        if not unexplained or (self.known and (force or not _beyond(unexplained, total, share))):
            return self
        why = "no manifest is listed at all" if not self.known else f"{unexplained} such are more than {share} percent"
        kept = (
            one if one.expired or one.hidden or one.stays else dataclasses.replace(one, stays=why)
            for one in self.leftovers
        )
        return dataclasses.replace(self, leftovers=tuple(kept))

    def refusals(self, share: int, *, force: bool) -> list[Refusal]:
        """Return what speaks against believing the listing: more backups are missing in it than may go at once."""
        total = len(self.known) + len(self.missing)
        if force or not _beyond(len(self.missing), total, share):
            return []
        text = f"{len(self.missing)} of {total} expected backups are not listed, more than {share} percent."
        return [Refusal("listing", text)]

    def candidates(self, runs: Iterable[Entry], *, replica: bool, local: bool) -> list[Candidate]:
        """Return the backups as the planner takes them. The own times of a replica or a directory prove nothing."""
        known = protection.stored([entry.backup for entry in self.listed], self.marks, runs, {})
        return [
            Candidate.of(
                one,
                failed=entry.lack is not None and entry.lack.proved,
                unusable=entry.lack is not None and not entry.lack.proved,
                misdated=not (replica or local) and abs(one.finished - entry.stored) > MISDATED,
                in_use=self.in_use.get(one.backup_id, ""),
            )
            for one, entry in zip(known, self.listed, strict=True)
        ]


def with_locks(
    opened: Repository, candidates: Sequence[Candidate], policy: Policy, now: datetime.datetime
) -> list[Candidate]:
    """Return the candidates with the store's locks on those that the policy lets go. Raise StoreError as it does."""
    # Without the limit, so that the locks of all that may go are known: which of them counts is decided later.
    going = [decision.candidate for decision in plan(candidates, policy, now, force=True).of("delete")]
    names = [repository.manifest(opened.application, one.component, one.backup_id) for one in going]
    until = dict(zip(going, at_once(opened.store.locked_until, names), strict=True))
    return [dataclasses.replace(one, locked_until=until.get(one)) for one in candidates]


def survey(opened: Repository, place: str | None, old: datetime.datetime, now: datetime.datetime) -> Survey:
    """
    Look at all of it. `place` limits the backups to a cluster or a component; what nothing lists is looked for
    everywhere, and counts when its newest object is from before `old`.

    Raise StoreError when a listing does not come to its end, InconsistentStore when it does not show what is there.
    """
    objects: dict[str, list[ObjectInfo]] = collections.defaultdict(list)

    def list_all() -> list[ObjectInfo]:
        for info in (info for prefix in repository.parts(opened.application) for info in opened.store.list(prefix)):
            if identity := repository.owner(opened.application, info.name):
                objects[identity].append(info)
        return [info for group in objects.values() for info in group]

    listed = opened.everything(place, list_all)
    marked, announced = _mark_objects(opened)
    # Last, so that a backup that was finished meanwhile is known before its files are taken for leftovers.
    manifests = list(opened.store.list(repository.manifests(opened.application)))
    components = _components(opened.application, manifests)
    known = frozenset(components)
    here = {entry.backup.manifest.backup_id for entry in listed}
    if vanished := sorted(here - known):
        raise InconsistentStore(
            f"{opened.store.url} listed the manifest of {vanished[0]} once, but not again.",
            "Nothing was deleted. Find out who else deletes backups, and run again.",
        )
    said = _judged(opened, marked, here, objects.keys() - known)
    times = [info.modified for group in (manifests, *objects.values(), *marked.values()) for info in group]
    reading = readings.standing(opened.store, opened.application, announced, now)
    in_use = {one: f"{who}, until {until:%Y-%m-%d %H:%M} UTC at most" for one, (who, until) in reading.items()}
    lapsed = [info for info in announced if repository.parse_reading(opened.application, info.name) not in in_use]
    left = leftovers.find(opened, {*objects, *marked} - known, objects, marked, said, now, old)
    names = leftovers.names(opened, left, said, {*components.values(), *leftovers.remembered(opened).values()})
    _ask_for_each(opened, names | _names_of_missing(listed, objects))
    missing = {one.backup_id for one in left if one.hidden}
    missing |= {problem.name for problem in opened.problems if problem.kind == "missing"}
    return Survey(
        tuple(listed),
        said,
        objects,
        marked,
        tuple(dataclasses.replace(one, stays=_read_by(one, in_use)) for one in left),
        max(times, default=None),
        known,
        frozenset(missing),
        in_use,
        tuple(lapsed),
        tuple(info for info in opened.store.unfinished(repository.root(opened.application)) if info.modified < old),
    )


def _read_by(one: Leftover, in_use: Mapping[str, str]) -> str:
    return f"in use: {in_use[one.backup_id]}" if one.backup_id in in_use else ""


def _names_of_missing(listed: Iterable[Listed], objects: Mapping[str, list[ObjectInfo]]) -> dict[str, str]:
    """Return the names of the files for whose lack a backup counts as damaged, each with its backup id."""
    records = [entry.backup.manifest for entry in listed if entry.lack is not None]
    shown = {info.name for record in records for info in objects.get(record.backup_id, ())}
    return {file.name: record.backup_id for record in records for file in record.files if file.name not in shown}


def _ask_for_each(opened: Repository, names: Mapping[str, str]) -> None:
    """Raise InconsistentStore when the store holds any of these, which its listings do not show."""
    there = at_once(functools.partial(is_there, opened.store), names)
    for (name, identity), found in zip(names.items(), there, strict=True):
        if found:
            raise InconsistentStore(
                f"{opened.store.url} contains {name} of {identity}, but does not list it.",
                "Nothing was deleted. Find out why its listing is incomplete.",
                name=name,
            )


def _mark_objects(opened: Repository) -> tuple[dict[str, list[ObjectInfo]], list[ObjectInfo]]:
    """Return the marks by backup id, and what readers announced."""
    found: dict[str, list[ObjectInfo]] = collections.defaultdict(list)
    announced: list[ObjectInfo] = []
    for info in opened.store.list(repository.marks(opened.application)):
        if parsed := repository.parse_mark(opened.application, info.name):
            found[parsed[0]].append(info)
        elif repository.parse_reading(opened.application, info.name):
            announced.append(info)
    return found, announced


def _judged(
    opened: Repository, marked: Mapping[str, list[ObjectInfo]], here: set[str], unlisted: set[str]
) -> dict[str, marks.Marks]:
    """Read the marks of the backups at hand, and of the files that nothing lists, whether their backup expired."""
    wanted = [
        info
        for identity, group in marked.items()
        for info in group
        if identity in here or (identity in unlisted and leftovers.is_tombstone(opened.application, info))
    ]
    said = marks.judge(opened.store, opened.trusted_keys, opened.application, wanted)
    opened.report_unsigned(said.values())
    return said


def _beyond(part: int, total: int, share: int) -> bool:
    # Rounded up, as the planner does.
    return part > -(-total * share // 100)


def _components(application: str, infos: Iterable[ObjectInfo]) -> dict[str, str]:
    """Return the component of each backup id that has a manifest."""
    parsed = (repository.parse_manifest(application, info.name) for info in infos)
    return {found[1]: found[0] for found in parsed if found}
