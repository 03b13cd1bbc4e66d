# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: backups of several databases of one server, side by side within the jobs.

Each database is backed up by a child of its own, as if it were alone; one that fails, or is killed, stops no other.
How each ended is recorded at that moment. This process opens no store and starts no thread.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ...drivers.components.postgres import capacity, connection
from ...ground import errors, printing, progress, status
from ...ground.children import Piece, side_by_side
from ...ground.errors import ProcessFailed, RecoveryError, UsageError
from ...ground.model import Done, Outcome
from ...records.repository import names as repository
from ..backup.backup import BackupRequest, back_up
from . import overview, sharing

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...drivers.components.postgres.source import DatabaseSource
    from ...ground.children import End
    from ...ground.model import World


@dataclasses.dataclass(frozen=True, slots=True)
class SeveralRequest:
    """
    Which `databases`; `each` and its `source` say how, for any of them.

    The server is asked in `maintenance_db` if it is named.
    """

    each: BackupRequest
    source: DatabaseSource
    databases: tuple[str, ...]
    maintenance_db: str = ""


def back_up_several(request: SeveralRequest, world: World) -> Outcome:
    """
    Make a backup of each, or what `back_up` makes of each.

    Raise UsageError on a bad value, before anything is begun. Whatever fails later is in the outcome, whose `error`
    names the databases that it failed for.
    """
    names = tuple(dict.fromkeys(request.databases))
    if not names:
        raise UsageError("databases is empty.", "Set at least one database.", field="databases")
    request.each.check()
    began = world.now()
    try:
        server = capacity.ask(request.source.login, request.maintenance_db)
    except RecoveryError:
        server = None  # each backup tells what is in its way, by its own name
    sizes = {name: server.sizes.get(name, 0) if server else 0 for name in names}
    jobs = request.source.jobs
    most = sharing.at_once(server, len(names), jobs)
    run = _Run(request, world, sizes)
    shares = [share for share in sharing.share(sizes, jobs, most) if run.may_be(share.database)]
    with run.progress.running():
        run.progress.plan({share.database: share.size for share in shares})
        run.progress.phase("backups")
        pieces = [Piece(share.database, share.places, run.work(share.database, share.jobs)) for share in shares]
        side_by_side(pieces, most, run.ended, now=world.now, watch=run.report)
        if run.failed:
            run.progress.fail()
    narrow = sharing.narrowness(server, most, min(len(names), jobs))
    return run.outcome((world.now() - began).total_seconds(), narrow)


class _Run:
    """What is known of the databases while they are backed up, and what it comes to."""

    def __init__(self, request: SeveralRequest, world: World, sizes: Mapping[str, int]) -> None:
        self._request = request
        self._world = world
        self._sizes = sizes
        self._directory = progress.status_directory(request.each.repository.state_dir, world)
        self.progress = progress.Progress(
            self._directory, "backup", repository.cluster(request.source.cluster), world.now, unit="databases"
        )
        self._shown: dict[str, progress.Member] = {}
        self._begun: dict[str, int] = {}
        self._done: dict[str, Outcome] = {}
        self.failed: dict[str, RecoveryError] = {}
        self._tracebacks: list[str] = []

    def work(self, database: str, jobs: int) -> t.Callable[[], dict[str, t.Any]]:
        source = dataclasses.replace(self._request.source, database=database, jobs=jobs)
        each = dataclasses.replace(self._request.each, source=source)
        return functools.partial(_one, each, self._world)

    def may_be(self, name: str) -> bool:
        """Whether a database can have this name; one that cannot has failed."""
        try:
            connection.check_name(name, "databases")
        except UsageError as exc:
            self.failed[name] = exc
            self._record(name, exc, 0.0)
            return False
        return True

    def ended(self, end: End) -> None:
        """Keep how a backup ended, and record it: the run may still be killed."""
        name, result = end.piece.name, _result(end)
        if end.traceback:
            self._tracebacks.append(end.traceback)
        self._record(name, result, end.seconds)
        member = self._member(name)
        if isinstance(result, Outcome):
            self._done[name] = result
            size = int(result.facts["backup"]["plain_size"] or 0) if result.changed else 0
            member.stand(size, size)
            if size:
                self._begun[name] = size
        else:
            self.failed[name] = result
            member.stand(member.done, member.done)
        member.finish()

    def report(self, running: Mapping[str, int]) -> None:
        """Bring the progress up to date by what the children say of theirs."""
        for name, pid in running.items():
            member = self._member(name)
            told = self._told(name)
            if told is not None and told.pid == pid and told.expected and not told.result:
                member.stand(told.done, max(told.done, told.expected))
                self._begun[name] = member.expected
        # A database on its disk has indexes too, which no dump has: those that wait are as the others turned out to be.
        if known := sum(self._sizes[name] for name in self._begun):
            share = sum(self._begun.values()) / known
            self.progress.expect({name: round(size * share) for name, size in self._sizes.items()})
        self.progress.touch()

    def outcome(self, seconds: float, warnings: Sequence[str]) -> Outcome:
        """Return what the run comes to."""
        names = [name for name in dict.fromkeys(self._request.databases) if name in self._done]
        backups = [
            {"database": name, "made": self._done[name].changed, **self._done[name].facts["backup"]} for name in names
        ]
        failed = {name: self.failed[name] for name in self._request.databases if name in self.failed}
        failures = [
            {
                **error.details,
                "database": name,
                "msg": str(error),
                "cause": error.cause,
                "error": error.details.get("error", type(error).__name__),
            }
            for name, error in failed.items()
        ]
        facts = {
            "backups": backups,
            "failures": failures,
            "table": printing.columns(overview.rows(backups, failures)),
            "summary": overview.summary(backups, failures, seconds),
        }
        total = len(backups) + len(failures)
        said = overview.warnings({name: self._done[name].warnings for name in names}, total)
        return Outcome(
            changed=any(self._done[name].changed for name in names),
            facts=facts,
            before="".join(self._done[name].before for name in names),
            after="".join(self._done[name].after for name in names),
            warnings=(*warnings, *said),
            error=_error(failed, total),
            traceback="\n".join(self._tracebacks),
        )

    def _record(self, name: str, result: Outcome | RecoveryError, seconds: float) -> None:
        about = {"cluster": self._request.source.cluster, "database": name, "reason": self._request.each.reason}
        self._world.record(Done("backup", result, about, seconds))

    def _member(self, name: str) -> progress.Member:
        if name not in self._shown:
            self._shown[name] = self.progress.member(name, self._sizes[name])
        return self._shown[name]

    def _told(self, name: str) -> status.Status | None:
        if self._directory is None:
            return None
        component = repository.component(self._request.source.cluster, name)
        path = progress.status_path(self._directory, "backup", component)
        return status.read(path)


def _one(request: BackupRequest, world: World) -> dict[str, t.Any]:
    """Back up one database, and give what came of it as JSON can hold it."""
    try:
        made = back_up(request, world)
    except RecoveryError as exc:
        return {"error": exc.record()}
    told = {field: getattr(made, field) for field in ("changed", "facts", "before", "after", "warnings")}
    return {"outcome": told}


def _result(end: End) -> Outcome | RecoveryError:
    name = end.piece.name
    if end.killed:
        return ProcessFailed(
            f"The backup of {name!r} was killed by {end.killed}.",
            "Run again, with fewer jobs if the kernel log shows an out-of-memory kill; retention removes what is left.",
        )
    if end.asked:
        return RecoveryError(f"{end.asked} ended this run.", "Unfinished work was rolled back.", error="Ended")
    if end.raised:
        return RecoveryError(
            f"An unexpected error, {end.raised}; the output of the run shows it.",
            "This is a bug: run again with -vvv, and report the output.",
            error=end.raised,
        )
    if "error" in end.answer:
        return errors.rebuilt(end.answer["error"])
    told = dict(end.answer["outcome"])
    return Outcome(**{**told, "warnings": tuple(told["warnings"])})


def _error(failed: Mapping[str, RecoveryError], total: int) -> RecoveryError | None:
    """Return one error for all, of their kind if it is one."""
    if total == 1 or not failed:
        return next(iter(failed.values()), None)
    cause, remedy = overview.message(failed, total)
    record = RecoveryError(cause, remedy).record()
    kinds = {type(error): error.record()["kinds"] for error in failed.values()}
    return errors.rebuilt({**record, "kinds": record["kinds"] if len(kinds) > 1 else next(iter(kinds.values()))})
