# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Deleting what a plan lets go, in the order that keeps every promise: the mark, the manifest, the files.

A backup that needs another goes before it. Every step may be repeated: what a killed run left, the next one finishes.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import graphlib
import threading
import typing as t

from .. import repository
from ..catalogue import marks
from ..errors import AccessDenied

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from ..catalogue.catalogue import Repository
    from ..stores.base import ObjectInfo, Purged
    from .planner import Decision
    from .survey import Leftover, Survey

WORKERS = 8
"""Backups that are deleted at once: deleting waits for the network."""


@dataclasses.dataclass(slots=True)
class Removed:
    """What went so far, also when an error ends the run."""

    backups: list[str] = dataclasses.field(default_factory=list)
    retained: list[str] = dataclasses.field(default_factory=list)
    protected: list[str] = dataclasses.field(default_factory=list)
    freed: int = 0
    objects: int = 0
    garbage: int = 0


class Removal:
    """
    Deletes from one store. `check` is called before each backup goes, and raises when work must stop.

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
        self._opened = opened
        self._found = found
        self._check = check
        self._now = now
        self._token = token
        self._dry_run = dry_run
        self._mutex = threading.Lock()
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
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            while order.is_active():
                ready = order.get_ready()
                self._all(pool, [(going[identity],) for identity in ready], self._one)
                order.done(*ready)

    def take_back(self, decisions: Iterable[Decision]) -> None:
        """Of backups that stay, take back that they expired, as a run said that was killed before it deleted them."""
        for decision in decisions:
            said = self._found.marks.get(decision.candidate.backup_id, marks.Marks())
            self._lift(decision, said.of("expired"))

    def collect(self, leftovers: Iterable[Leftover]) -> None:
        """Delete what nothing lists."""
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            self._all(pool, [(leftover,) for leftover in leftovers], self._leftover)

    @staticmethod
    def _all(
        pool: concurrent.futures.Executor, arguments: Sequence[tuple[t.Any, ...]], work: Callable[..., None]
    ) -> None:
        """Do all of it; the first error ends what has not begun."""
        running = [pool.submit(work, *given) for given in arguments]
        try:
            for future in concurrent.futures.as_completed(running):
                future.result()
        finally:
            for future in running:
                future.cancel()

    def _one(self, decision: Decision) -> None:
        self._check()
        identity = decision.candidate.backup_id
        if self._protected_meanwhile(identity):
            self._note(self.removed.protected, identity)
            return
        expired = self._expire(decision)
        if not self._unlist(decision, expired):
            self._note(self.removed.retained, identity)
            return
        self._note(self.removed.backups, identity)
        # The marks go last, but for the one that says why the rest is gone.
        for info in (*self._found.objects.get(identity, ()), *self._own_marks(identity)):
            self._count(info, self._opened.store.purge(info.name))

    def _leftover(self, leftover: Leftover) -> None:
        self._check()
        store = self._opened.store
        for info in leftover.objects:
            if leftover.expired:
                done = store.purge(info.name)
            else:
                # Where a bucket keeps versions, one can come back: its manifest may only have been hidden.
                store.delete(info.name)
                done = "deleted"
            if self._count(info, done):
                with self._mutex:
                    self.removed.garbage += 1

    def _protected_meanwhile(self, identity: str) -> bool:
        """Whether somebody pinned it, or put it on hold, after it was looked at."""
        if self._dry_run:
            return False
        seen = {info.name for info in self._found.mark_objects.get(identity, ())}
        application = self._opened.application
        now = (info.name for info in self._opened.store.list(repository.marks(application, identity)))
        parsed = (repository.parse_mark(application, name) for name in now if name not in seen)
        return any(found is not None and found[1] in {"pinned", "hold"} for found in parsed)

    def _expire(self, decision: Decision) -> tuple[marks.Mark, ...]:
        """Let a mark say that it goes, and give the marks that do."""
        said = self._found.marks.get(decision.candidate.backup_id, marks.Marks()).of("expired")
        if said or self._dry_run:
            return said
        mark = self._mark(decision, "; ".join(decision.reasons)[: marks.REASON_LENGTH])
        marks.write(self._opened.store, self._opened.custody, mark)
        return (mark,)

    def _unlist(self, decision: Decision, expired: Sequence[marks.Mark]) -> bool:
        """Delete the manifest. Where the store keeps it, take back that the backup expired."""
        one = decision.candidate
        manifest = repository.manifest(self._opened.application, one.component, one.backup_id)
        try:
            gone = self._opened.store.purge(manifest) == "deleted"
        except AccessDenied:
            self._lift(decision, expired)
            raise
        if not gone:
            self._lift(decision, expired)
        return gone

    def _lift(self, decision: Decision, expired: Sequence[marks.Mark]) -> None:
        for mark in () if self._dry_run else expired:
            lift = self._mark(decision, "it stays", lifts=mark.token)
            marks.write(self._opened.store, self._opened.custody, lift)

    def _mark(self, decision: Decision, reason: str, *, lifts: str = "") -> marks.Mark:
        backup = self._backups[decision.candidate.backup_id]
        record = backup.manifest
        return marks.Mark(
            application=record.application,
            component=record.component,
            backup_id=record.backup_id,
            manifest_sha256=backup.manifest_sha256,
            kind="expired",
            token=self._token(),
            at=self._now().replace(microsecond=0),
            reason=reason,
            lifts=lifts,
        )

    def _own_marks(self, identity: str) -> list[ObjectInfo]:
        kept = f"{repository.marks(self._opened.application, identity)}expired-"
        return [info for info in self._found.mark_objects.get(identity, ()) if not info.name.startswith(kept)]

    def _count(self, info: ObjectInfo, done: Purged) -> bool:
        with self._mutex:
            if done == "deleted":
                self.removed.objects += 1
                self.removed.freed += info.size
        return done == "deleted"

    def _note(self, names: list[str], identity: str) -> None:
        with self._mutex:
            names.append(identity)
