# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Deleting what a plan lets go, in the order that keeps every promise: the mark, the manifest, the files.

A backup that needs another goes before it. Every step may be repeated: what a killed run left, the next one finishes.

A store may be too full for a mark. Then one backup after another goes without, and its manifest and its detail make the
room for its mark. Should the run die in between, its members are leftovers like those of any upload that never ended.
"""

from __future__ import annotations

import dataclasses
import graphlib
import itertools
import math
import os.path
import typing as t

from ...ground.errors import AccessDenied, Full, StoreError
from ...ground.workers import AT_ONCE, at_once
from ...records.repository import marks, readings
from ...records.repository import names as repository

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from ...drivers.stores.base import ObjectInfo, Purged
    from ...records.repository.catalogue import Repository
    from ...records.retention.planner import Decision
    from .leftovers import Leftover
    from .survey import Survey

WAVE = 100
"""Backups that go together: so many that a request for many objects is well filled, so few that the lock holds."""


@dataclasses.dataclass(slots=True)
class Removed:
    """
    What went so far, also when an error ends the run; and what stays although the plan let it go.

    `retained`: the store holds it. `protected`: somebody pinned it, or began to read it. `needed`: by another one that
    stays. `read`: it is no longer listed, and its files stay for who reads it still. `log`: bytes of what went of it.
    """

    backups: list[str] = dataclasses.field(default_factory=list)
    retained: list[str] = dataclasses.field(default_factory=list)
    protected: list[str] = dataclasses.field(default_factory=list)
    needed: dict[str, str] = dataclasses.field(default_factory=dict)
    read: list[str] = dataclasses.field(default_factory=list)
    freed: int = 0
    objects: int = 0
    garbage: int = 0
    log: list[int] = dataclasses.field(default_factory=list)


class Removal:
    """
    Deletes from one store. `check` is called before each wave of backups goes, and raises when work must stop.

    In a dry run the store lets nothing through; the marks are not even offered to it, because it would look for each.
    """

    def __init__(
        self,
        opened: Repository,
        found: Survey,
        *,
        check: Callable[[], None],
        now: Callable[[], datetime],
        token: Callable[[], str],
        dry_run: bool,
    ) -> None:
        self.removed = Removed()
        self.application = opened.application
        self._opened = opened
        self._found = found
        self._check = check
        self._now = now
        self._token = token
        self._dry_run = dry_run
        self._owed: list[Decision] = []
        self._backups = {entry.backup.manifest.backup_id: entry.backup for entry in found.listed}

    def remove(self, decisions: Sequence[Decision]) -> None:
        """Delete these backups, those that need another one first."""
        going = {decision.candidate.backup_id: decision for decision in decisions}
        # An id is to come after the ids of those that need it.
        order: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter(dict.fromkeys(going, ()))
        for identity, decision in going.items():
            for parent in decision.candidate.parents:
                if parent in going:
                    order.add(parent, identity)
        order.prepare()
        while order.is_active():
            ready = order.get_ready()
            for start in range(0, len(ready), WAVE):
                self._wave([going[identity] for identity in ready[start : start + WAVE]])
            for identity in set(ready).difference(self.removed.backups):
                needs = going.keys() & set(going[identity].candidate.parents)
                self.removed.needed |= dict.fromkeys(needs, identity)
            order.done(*ready)
        if owed := [decision.candidate.backup_id for decision in self._owed if self._expire(decision) is None]:
            raise Full(
                f"{self._opened.store.url} is still full: it rejected the marks of {len(owed)} deleted backups, so the "
                "hosts that made them will report them as missing.",
                "Free space there.",
            )

    def take_back(self, decisions: Iterable[Decision]) -> None:
        """Of backups that stay, take back that they expired, as a run said that was killed before it deleted them."""
        for decision in decisions:
            said = self._found.marks.get(decision.candidate.backup_id, marks.Marks())
            self._lift(decision, said.of("expired"))

    def collect(self, leftovers: Iterable[Leftover]) -> None:
        """Delete what nothing lists."""
        expired: list[ObjectInfo] = []
        for leftover in leftovers:
            if leftover.expired:
                expired += leftover.objects
            else:
                self._hide(leftover)
        expired += self._found.lapsed
        for start in range(0, len(expired), WAVE * AT_ONCE):
            self._check()
            gone, error = self._purge(expired[start : start + WAVE * AT_ONCE])
            self.removed.garbage += len(gone)
            if error:
                raise error

    def clear(self, unfinished: Iterable[ObjectInfo], before: datetime) -> None:
        """Remove what killed writers left, unless it turns out to be written to."""
        for info in unfinished:
            self._check()
            if self._opened.store.abort(info.name, before):
                self._count(info)
                self.removed.garbage += 1

    def cut(self, log: Iterable[tuple[str, int]]) -> None:
        """Delete objects of the write-ahead log, given with their bytes, in this order."""
        objects = iter(log)
        while wave := dict(itertools.islice(objects, WAVE * AT_ONCE)):
            self._check()
            done = self._sent(list(wave))
            self.removed.log += [size for name, size in wave.items() if done[name] == "deleted"]
            if error := next((found for found in done.values() if isinstance(found, StoreError)), None):
                raise error

    def _hide(self, leftover: Leftover) -> None:
        """Delete it so that it can come back where a bucket keeps versions: its manifest may only have been hidden."""
        self._check()
        for info in leftover.objects:
            self._opened.store.delete(info.name)
            self._count(info)
            self.removed.garbage += 1

    def _wave(self, decisions: Sequence[Decision]) -> None:
        """Delete backups of which none needs another one: all their marks, then their manifests, then their files."""
        self._check()
        free = {decision.candidate.backup_id for decision in decisions}.difference(self.removed.needed)
        pinned = self._protected_meanwhile(free)
        self.removed.protected += sorted(pinned)
        free -= pinned
        going = [decision for decision in decisions if decision.candidate.backup_id in free]
        self.take_back(decision for decision in decisions if decision.candidate.backup_id not in free)
        said = at_once(self._expire, going)
        expired = [found for found in said if found is not None]
        self._go([decision for decision, found in zip(going, said, strict=True) if found is not None], expired)
        for decision in (decision for decision, found in zip(going, said, strict=True) if found is None):
            self._check()
            found = self._expire(decision)
            if found is None:
                self._make_room(decision)
            else:
                self._go([decision], [found])

    def _go(self, going: Sequence[Decision], expired: Sequence[Sequence[marks.Mark]]) -> None:
        """Delete the manifests of backups whose marks are written, and then their files."""
        gone, error = self._unlist(going, expired)
        self.removed.backups += gone
        # Who announced himself before the manifest went may have seen it.
        read = self._protected_meanwhile(set(gone), marked=False)
        self.removed.read += sorted(read)
        gone = [identity for identity in gone if identity not in read]
        # The marks go last, but for the one that says why the rest is gone.
        files = [info for identity in gone for info in self._found.objects.get(identity, ())]
        _gone, failed = self._purge(files)
        _gone, also = self._purge([info for identity in gone for info in self._own_marks(identity)])
        if error or failed or also:
            raise t.cast("StoreError", error or failed or also)

    def _protected_meanwhile(self, identities: set[str], *, marked: bool = True) -> set[str]:
        """Return those that somebody pinned, put on hold or began to read after they were looked at."""
        if self._dry_run or not identities:
            return set()
        application = self._opened.application
        seen = {info.name for identity in identities for info in self._found.mark_objects.get(identity, ())}
        # One listing looks at all: ids that go together are of one time, and begin alike.
        common = os.path.commonprefix([repository.marks(application, identity) for identity in identities])  # noqa: RUF071
        now = list(self._opened.store.list(common))
        parsed = [repository.parse_mark(application, info.name) for info in now if info.name not in seen]
        pinned = {found[0] for found in parsed if marked and found and found[1] in repository.SET_MARKS}
        read = readings.standing(self._opened.store, application, now, self._now())
        return pinned.union(read).intersection(identities)

    def _make_room(self, decision: Decision) -> None:
        """Delete a backup for whose mark there is no room before that."""
        gone, error = self._unlist([decision], [()])
        self.removed.backups += gone
        if error:
            raise error
        if not gone or self._protected_meanwhile(set(gone), marked=False):
            self.removed.read += gone
            if gone:
                self._expire(decision)
            return
        files = self._found.objects.get(gone[0], [])
        detail = repository.detail(self._opened.application, gone[0], "detail").rpartition("/")[0]
        first = [info for info in files if info.name.startswith(detail)]
        _gone, failed = self._purge(first)
        said = self._expire(decision)
        _gone, also = self._purge([info for info in files if info not in first] + self._own_marks(gone[0]))
        if said is None:
            self._owed.append(decision)
        if failed or also:
            raise t.cast("StoreError", failed or also)

    def _expire(self, decision: Decision) -> tuple[marks.Mark, ...] | None:
        """Let a mark say that it goes, and give the marks that do; None where the store has no room for one."""
        said = self._found.marks.get(decision.candidate.backup_id, marks.Marks()).of("expired")
        if said or self._dry_run:
            return said
        mark = self._mark(decision, "; ".join(decision.reasons)[: marks.REASON_LENGTH])
        try:
            marks.write(self._opened.store, self._opened.trusted_keys, mark)
        except Full:
            return None
        return (mark,)

    def _unlist(
        self, decisions: Sequence[Decision], expired: Sequence[Sequence[marks.Mark]]
    ) -> tuple[list[str], StoreError | None]:
        """Delete the manifests. Where the store keeps one, take back that its backup expired."""
        names = [
            repository.manifest(self._opened.application, decision.candidate.component, decision.candidate.backup_id)
            for decision in decisions
        ]
        done = self._sent(names)
        gone, error = [], None
        for name, decision, said in zip(names, decisions, expired, strict=True):
            if done[name] == "deleted":
                gone.append(decision.candidate.backup_id)
                continue
            if done[name] == "retained":
                self.removed.retained.append(decision.candidate.backup_id)
            else:
                error = error or t.cast("StoreError", done[name])
            if done[name] == "retained" or isinstance(done[name], AccessDenied):
                self._lift(decision, said)
        return gone, error

    def _purge(self, infos: Sequence[ObjectInfo]) -> tuple[list[ObjectInfo], StoreError | None]:
        """Delete objects, and give those that went and the first error."""
        done = self._sent([info.name for info in infos])
        gone = [info for info in infos if done[info.name] == "deleted"]
        for info in gone:
            self._count(info)
        errors = (found for found in done.values() if isinstance(found, StoreError))
        return gone, next(errors, None)

    def _sent(self, names: Sequence[str]) -> dict[str, Purged | StoreError]:
        """Purge objects, as many requests at once as are good; what belongs together stays in one."""
        size = max(1, math.ceil(len(names) / AT_ONCE))
        parts = [names[start : start + size] for start in range(0, len(names), size)]
        done: dict[str, Purged | StoreError] = {}
        for part in at_once(self._opened.store.purge_all, parts):
            done |= part
        return done

    def _lift(self, decision: Decision, expired: Sequence[marks.Mark]) -> None:
        for mark in () if self._dry_run else expired:
            lift = self._mark(decision, "it stays", lifts=mark.token)
            marks.write(self._opened.store, self._opened.trusted_keys, lift)

    def _mark(self, decision: Decision, reason: str, *, lifts: str = "") -> marks.Mark:
        backup = self._backups[decision.candidate.backup_id]
        return marks.make(backup, "expired", reason, at=self._now(), token=self._token(), lifts=lifts)

    def _own_marks(self, identity: str) -> list[ObjectInfo]:
        kept = f"{repository.marks(self._opened.application, identity)}expired-"
        return [info for info in self._found.mark_objects.get(identity, ()) if not info.name.startswith(kept)]

    def _count(self, info: ObjectInfo) -> None:
        self.removed.objects += 1
        self.removed.freed += info.size
