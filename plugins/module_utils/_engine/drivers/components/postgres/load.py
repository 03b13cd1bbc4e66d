# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Fills an empty database from a backup: structure, all data members at once, then indexes, constraints and the rest.

Indexes of a large table are built as soon as its rows are in, by the same workers that load the others. Sequences are
set once, after everything that could move them. Event triggers come last of all, so that none of them acts on the load.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import typing as t

from ....ground.errors import DatabaseError, ProcessFailed
from ....ground.workers import WorkerPool
from . import freeze, restorer, toc
from .failed_objects import Losses
from .layout import Choice

if t.TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ....ground.progress import Phases
    from .failed_objects import Loss
    from .layout import BackupContents, Part

    Again: t.TypeAlias = list[tuple[Part, list[int] | None]]
    """Members that are to be loaded once more, and the numbers of their entries where not all."""


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """
    `losses` are what could not be made: of what comes after the data all of it, of what comes before, and of the data,
    what was accepted.
    """

    entries: tuple[toc.Entry, ...]
    losses: tuple[Loss, ...]


class Loader:
    """Loads one backup into one database. `close` it afterwards."""

    def __init__(
        self, tools: restorer.Tools, contents: BackupContents, phases: Phases, accepted: Collection[str]
    ) -> None:
        self._tools = tools
        self._source = contents.backup
        self._layout = layout = contents.layout
        self._phase = phases
        self._owners = contents.owners
        self._stack = contextlib.ExitStack()
        self._built: set[int] = set()
        # Read whole, to its authenticated end, before pg_restore sees its first byte: it is what runs as code.
        with self._phase("structure_read"):
            structure = b"".join(self._source.member(layout.structure))
        self._archive = self._stack.enter_context(restorer.memory_file(structure))
        self.entries = restorer.contents(tools, self._archive)
        self.rest_entries = restorer.stream_contents(tools, self._source.member(layout.rest.number))
        self._losses = Losses(self.entries, self._owners, accepted)
        self.missing: frozenset[str] | None = None
        """What of the structure could not be created, by name; None until that was tried to its end."""

    def __enter__(self) -> t.Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def use(self, tools: restorer.Tools) -> None:
        """Load with other tools than the contents were read with."""
        self._tools = tools

    def load(self, database: str, choice: Choice | None = None) -> Loaded:
        """
        Fill `database`. Raise DatabaseError when structure or rows cannot be restored and were not accepted to be lost,
        Tampered when the backup is not what was stored. What of the later objects could not be made is in the result.
        """
        chosen = choice or Choice(
            frozenset(entry.number for entry in self.entries),
            frozenset(entry.number for entry in self.rest_entries),
            frozenset(part.number for part in self._layout.parts),
        )
        with self._phase("structure"):
            self._structure(database, chosen)
        with self._phase("data"):
            self._data(database, chosen)
        with self._phase("post_data"):
            self._losses.add(self._post_data(database, chosen))
        with self._phase("sequences"):
            self._sequences(database, chosen)
        return Loaded(self.entries, self._losses.found)

    def _structure(self, database: str, chosen: Choice) -> None:
        numbers = self._ordered(chosen.structure)
        self._losses.add(self._pass(database, numbers, "pre-data", jobs=1, doing="creating the schema"))
        self.missing = frozenset(loss.name for loss in self._losses.found)
        self._losses.require()

    def _data(self, database: str, chosen: Choice) -> None:
        """
        Load all members at once, build indexes meanwhile, and try what failed once more.

        A check may read rows of a table that came later, and a lock may have been somebody else's.
        """
        again: Again = []
        workers = WorkerPool(self._tools.jobs)
        for part in self._layout.parts:
            if part.number in chosen.parts:
                workers.add(part.weight, functools.partial(self._load_part, workers, database, part, chosen, again))
        rest = self._layout.rest
        wanted = [
            entry.number for entry in self.rest_entries if entry.number in chosen.rest and entry.kind != "SEQUENCE SET"
        ]
        workers.add(rest.weight, functools.partial(self._load_member, workers, database, rest, wanted, again))
        workers.run()
        for part, numbers in again:
            workers.add(part.weight, functools.partial(self._load_member, workers, database, part, numbers))
        workers.run()

    def _load_part(self, workers: WorkerPool, database: str, part: Part, chosen: Choice, again: Again) -> None:
        """Load the rows of one table, and have those of its indexes built that may be built early."""
        if not self._load_member(workers, database, part, None, again):
            return
        early = self._layout.early.get(part.number, frozenset())
        found = [e for e in self.entries if (e.catalogue, e.oid) in early and e.number in chosen.structure]
        # A constraint locks its table alone, and plain indexes can be built side by side: constraints first.
        first = [entry.number for entry in found if entry.kind == "CONSTRAINT"]
        then = [entry.number for entry in found if entry.kind == "INDEX"]
        workers.add(part.weight // 2, functools.partial(self._build, workers, database, part, first, then))

    def _load_member(
        self, workers: WorkerPool, database: str, part: Part, numbers: list[int] | None, again: Again | None = None
    ) -> bool:
        """
        Stream one member into the database. False when it failed, and was added to `again` or may be lost.

        Without `again` it is the last attempt.
        """
        archive = workers.guarded(self._source.member(part.number))
        if part.name:
            archive = freeze.frozen(archive, part.schema, part.name)
        # A COPY is one statement: where it fails its table stays empty, and only its entry is tried again. The last
        # attempt goes on after an error: what follows it shows whether there still is a session.
        arguments = ["--verbose", *(["--exit-on-error"] if part.name and again is not None else [])]
        try:
            restorer.run(self._tools, database, archive, arguments, numbers, workers=workers)
        except ProcessFailed as exc:
            failed = toc.failed(str(exc.details.get("stderr", "")))
            again = again if failed and not restorer.is_full(exc) else None
            if again is None and not self._lost(part, exc):
                raise self._unloaded(part, exc) from exc
            self._drain(workers, part)
            if again is not None:
                again.append((part, None if part.name else failed))
            return False
        return True

    def _unloaded(self, part: Part, error: ProcessFailed) -> DatabaseError:
        what = f"loading {part.schema}.{part.name}" if part.name else "loading the smaller tables"
        refused = [loss.name for loss in self._losses.found if not loss.accepted]
        remedy = f"Nothing was replaced. Fix the cause, or accept the loss by accept_failed: {'; '.join(refused[:10])}."
        doing = self._where(error, () if part.name else self.rest_entries, what)
        return restorer.explain(error, doing, remedy) if refused else restorer.explain(error, doing)

    def _lost(self, part: Part, error: ProcessFailed) -> bool:
        """Note whose rows could not be loaded. Whether all of it may be lost."""
        if not toc.failed(str(error.details.get("stderr", ""))):
            return False
        if part.name:
            reason = next(iter(restorer.reasons(error).values()), "")
            names = [(toc.plain(f"TABLE DATA {part.schema} {part.name}"), reason)]
        else:
            reasons = restorer.reasons(error)
            by_number = {entry.number: entry.name(self._owners) for entry in self.rest_entries}
            names = [(by_number[number], reason) for number, reason in reasons.items() if number in by_number]
        for name, reason in names:
            self._losses.add_data(name, reason)
        return bool(names) and self._losses.accepts([name for name, _reason in names])

    def _drain(self, workers: WorkerPool, part: Part) -> None:
        """Read a member to its end all the same: a backup that is not whole must not look like a bad constraint."""
        for _block in workers.guarded(self._source.member(part.number)):
            pass

    def _build(self, workers: WorkerPool, database: str, part: Part, first: list[int], then: list[int]) -> None:
        if first:
            self._build_some(workers, database, first)
        for number in then:
            workers.add(part.weight // 3, functools.partial(self._build_some, workers, database, [number]))

    def _build_some(self, workers: WorkerPool, database: str, numbers: list[int]) -> None:
        whole = self._ordered(toc.told(self.entries, numbers))
        arguments, idle = ["--exit-on-error"], workers.idle
        # What fails here fails again, or no more, with all the others: there it is reported by name.
        with contextlib.suppress(ProcessFailed):
            # A core that nobody else uses helps this build.
            restorer.run(self._tools, database, self._archive, arguments, whole, helpers=idle, workers=workers)
            self._built.update(whole)
        workers.check()

    def _post_data(self, database: str, chosen: Choice) -> list[tuple[int, str]]:
        failures: list[tuple[int, str]] = []
        for numbers, side_by_side in toc.stages(self.entries):
            wanted = [number for number in self._ordered(numbers & chosen.structure) if number not in self._built]
            if wanted:
                failures += self._later(database, wanted, jobs=self._tools.jobs if side_by_side else 1)
        return failures

    def _later(self, database: str, numbers: Sequence[int], *, jobs: int) -> list[tuple[int, str]]:
        """Make entries, and return what failed twice: beside others it may have met a lock or a deadlock."""
        doing = "creating indexes and constraints"
        failed = self._pass(database, numbers, "post-data", jobs=jobs, doing=doing, last=False)
        if not failed:
            return []
        again = [number for number, _reason in failed]
        still = {number for number, _reason in self._pass(database, again, "post-data", jobs=1, doing=doing)}
        return [(number, reason) for number, reason in failed if number in still]

    def _pass(
        self, database: str, numbers: Sequence[int], section: str, *, jobs: int, doing: str, last: bool = True
    ) -> list[tuple[int, str]]:
        """
        Make the entries of one section. Return those that failed, by number, with the server's reason.

        Raise DatabaseError where the session ended in the `last` attempt and not all of it may be lost.
        """
        arguments = ["--verbose", f"--section={section}", *([f"--jobs={jobs}"] if jobs > 1 else [])]
        try:
            restorer.run(self._tools, database, self._archive, arguments, numbers, helpers=1)
        except ProcessFailed as exc:
            numbered = {entry.number for entry in self.entries}
            failures = [item for item in restorer.reasons(exc).items() if item[0] in numbered]
            # One that stopped before its end has more to say than what it says of single entries.
            stopped = not failures or "errors ignored on restore" not in str(exc.details.get("stderr", ""))
            ended = last and restorer.ended(exc) and not self._losses.may_go(number for number, _why in failures)
            if stopped or ended:
                raise restorer.explain(exc, self._where(exc, self.entries, doing)) from exc
            return failures
        return []

    def _sequences(self, database: str, chosen: Choice) -> None:
        numbers = [e.number for e in self.rest_entries if e.kind == "SEQUENCE SET" and e.number in chosen.rest]
        if not numbers:
            return
        archive = self._source.member(self._layout.rest.number)
        try:
            # The calls are in the list of contents; the rows behind it were loaded, and checked, before.
            restorer.run(self._tools, database, archive, ["--verbose"], numbers, whole=False)
        except ProcessFailed as exc:
            if not self._lost(self._layout.rest, exc):
                raise restorer.explain(exc, "setting the sequences") from exc

    def _ordered(self, numbers: Collection[int]) -> list[int]:
        return [entry.number for entry in self.entries if entry.number in numbers]

    def _where(self, error: ProcessFailed, entries: Sequence[toc.Entry], otherwise: str) -> str:
        failed = toc.failed(str(error.details.get("stderr", "")))
        names = [entry.name(self._owners) for entry in entries if entry.number in failed]
        return f"restoring {names[0]}" if names else otherwise
