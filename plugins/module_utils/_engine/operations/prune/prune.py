# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: apply a retention policy to the backups of a store.

The order keeps every promise: all is listed before anything is deleted, and a listing that fails deletes nothing; a
signed `expired` mark is written, then the manifest goes, then the files, and last the write-ahead log that no base
backup needs. So a crash leaves garbage, never a listed backup that is broken, and the next run takes the garbage away.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import secrets
import typing as t

from ...drivers.stores import factory
from ...ground.errors import KeyRefused, RecoveryError, UsageError
from ...ground.model import Outcome
from ...records.repository import catalogue, evidence, marks, protection
from ...records.repository import names as repository
from ...records.retention import planner, wal_planner
from ...records.retention.calendar import Age, parse_age
from ...records.retention.store_lock import StoreLock, locked
from . import marks_seen, report, survey, wal_report, wal_survey
from .removal import Removal, Removed

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ...ground.model import World
    from ...records.retention.policy import Policy


REMEDIES = {
    "clock": "Nothing was deleted. Correct the clock of this host (chronyd or systemd-timesyncd), and run again.",
    "listing": (
        "Nothing was deleted. Find out why their manifests are missing, and restore them, or set force: true once."
    ),
    "share": "Nothing was deleted. Check the decisions; if they are intended, set force: true once.",
}


@dataclasses.dataclass(frozen=True, slots=True)
class PruneRequest:
    """
    What to prune, and how. Without a database, all of the cluster; without a cluster, all of the application.

    `force` lifts the policy's limit on the share that goes at once. `replica` says that the store is a copy of another,
    so that its own times prove nothing. Objects that no manifest lists are left alone until they are `garbage_age`
    seconds old; `lock_timeout` is how many to wait for another run. To any time within `keep_wal` a recovery stays
    possible.
    """

    repository: catalogue.RepositorySettings
    policy: Policy
    cluster: str | None = None
    database: str | None = None
    force: bool = False
    replica: bool = False
    garbage_age: float = 86400.0
    lock_timeout: float = 600.0
    keep_wal: Age = dataclasses.field(default_factory=lambda: parse_age(wal_planner.KEEP_WAL, "keep_wal"))

    @property
    def place(self) -> str | None:
        """The part of the store that it is about: a cluster, a database, or None for everything."""
        return repository.place(self.cluster, self.database)


def prune(request: PruneRequest, world: World) -> Outcome:
    """
    Delete what the policy does not keep.

    Raise KeyRefused when no key at hand may sign marks or none of the backups is believed, Busy when another run holds
    the lock, StoreError when the store fails. Raise UsageError when the plan is refused: the clock looks wrong, or too
    many would go at once (`details["refusals"]`, `details["decisions"]`). Nothing was deleted then; when the store
    failed in the middle, `details["deleted"]` says what went.
    """
    opened = catalogue.open_repository(request.repository, world, thorough=True)
    opened.trusted_keys.writer(marks.scope("expired"), world.now())  # refused now rather than half-way
    with _lock(opened, request, world) as lock:
        now = world.now()
        old = now - datetime.timedelta(seconds=request.garbage_age)
        found = survey.survey(opened, request.place, old, now)
        marks_seen.require(opened, found)
        marks_seen.remember(opened, found)
        found = found.limited(request.policy.max_delete_share, force=request.force)
        _believed(opened, found)
        log = wal_survey.look(opened, found, request.place)
        rules = wal_planner.Rules(request.keep_wal, request.policy.max_delete_share, request.policy.zone, request.force)
        store_time = (lock.stored if lock else None) or _ahead(found.newest, now)
        plan = _planned(opened, request, found, now=now, store_time=store_time)
        _refuse(plan)
        removal = Removal(
            opened,
            found,
            check=lock.check if lock else _nothing,
            now=world.now,
            token=lambda: secrets.token_hex(8),
            dry_run=world.dry_run,
        )
        _remove(removal, plan, found, old)
        cut = _cut(removal, plan, lambda: wal_survey.planned(opened, log, found, plan, removal.removed, rules, now))
    own = {receipt.backup_id for receipt in opened.receipts.of(opened.application)}
    opened.receipts.forget(opened.application, own.intersection(removal.removed.backups))
    return _outcome(opened, plan, found, cut, removal.removed, world)


@contextlib.contextmanager
def _lock(opened: catalogue.Repository, request: PruneRequest, world: World) -> Iterator[StoreLock | None]:
    """Hold the store's lock; a dry run writes nothing, so it needs none."""
    if world.dry_run:
        yield None
        return
    name = repository.lock(opened.application, "retention")
    lock = StoreLock(opened.store, name, secrets.token_hex(16), world)
    with locked(lock, request.lock_timeout):
        yield lock


def _believed(opened: catalogue.Repository, found: survey.Survey) -> None:
    """Raise KeyRefused where strangers signed all: then the key is wrong, and nothing that follows would be right."""
    strangers = sum(problem.kind == catalogue.STRANGER for problem in opened.problems)
    if strangers and not found.listed:
        raise KeyRefused(
            f"None of the {strangers} backups of {opened.application} is signed by a trusted key.",
            "Set roots to the root of this application.",
        )


def _planned(
    opened: catalogue.Repository,
    request: PruneRequest,
    found: survey.Survey,
    *,
    now: datetime.datetime,
    store_time: datetime.datetime | None,
) -> planner.Plan:
    """Plan; then ask the store about those that would go, and plan again with what it holds on to."""
    runs = protection.read_runs(request.repository.state_dir, opened.application, now)
    local = factory.directory_of(request.repository.store) is not None
    candidates = found.candidates(runs, replica=request.replica, local=local)
    known = survey.with_locks(opened, candidates, request.policy, now)
    refusals = found.refusals(request.policy.max_delete_share, force=request.force)
    return planner.plan(known, request.policy, now, force=request.force, store_time=store_time, refused=refusals)


def _remove(removal: Removal, plan: planner.Plan, found: survey.Survey, old: datetime.datetime) -> None:
    """Do what was decided. An error tells in its details what went before it."""
    try:
        # First what needs no mark to be written: the store may be full.
        removal.collect(found.going)
        removal.clear(found.abandoned, old)
        removal.remove(plan.of("delete"))
        removal.take_back((*plan.of("keep"), *plan.of("retained")))
    except RecoveryError as exc:
        _tell(exc, removal, plan)
        raise


def _cut(
    removal: Removal, plan: planner.Plan, planned: Callable[[], tuple[wal_planner.ServerPlan, ...]]
) -> tuple[wal_planner.ServerPlan, ...]:
    """Delete what no base backup needs of the log, once those are gone that did. An error tells what went before it."""
    try:
        cut = planned()
        for one in cut:
            removal.cut(one.objects(removal.application))
    except RecoveryError as exc:
        _tell(exc, removal, plan)
        exc.details["wal"] = {"deleted": len(removal.removed.log), "bytes_freed": sum(removal.removed.log)}
        raise
    return cut


def _tell(exc: RecoveryError, removal: Removal, plan: planner.Plan) -> None:
    exc.details.update(deleted=removal.removed.backups, freed=removal.removed.freed)
    exc.details.update(decisions=report.decisions(plan), deleted_backups=sorted(removal.removed.backups))


def _ahead(newest: datetime.datetime | None, now: datetime.datetime) -> datetime.datetime | None:
    """Return the store's time where something in it is from after ours; without a write no more can be known."""
    return newest if newest is not None and newest > now else None


def _refuse(plan: planner.Plan) -> None:
    if not plan.refusals:
        return
    first = plan.refusals[0]
    raise UsageError(
        first.cause,
        REMEDIES[first.kind],
        field="force",
        refusals=[refusal.cause for refusal in plan.refusals],
        decisions=report.decisions(plan),
    )


def _outcome(  # noqa: PLR0917
    opened: catalogue.Repository,
    plan: planner.Plan,
    found: survey.Survey,
    cut: Sequence[wal_planner.ServerPlan],
    removed: Removed,
    world: World,
) -> Outcome:
    facts: dict[str, t.Any] = {
        "decisions": report.decisions(plan),
        "kept": len(plan.of("keep")) + len(removed.protected) + len(removed.needed),
        "deleted": len(removed.backups),
        "deleted_backups": sorted(removed.backups),
        "retained": len(plan.of("retained")) + len(removed.retained),
        "freed": removed.freed,
        "garbage": removed.garbage,
        "hidden": [one.backup_id for one in found.leftovers if one.hidden],
        "problems": [dataclasses.asdict(problem) for problem in opened.problems],
        "wal": wal_report.facts(cut, removed),
        "table": report.table(plan, found, cut),
    }
    facts["summary"] = report.summary(facts, dry_run=world.dry_run)
    return Outcome(
        changed=bool(removed.backups or removed.objects or removed.log),
        facts=facts,
        before=report.before(plan, found, cut),
        after=report.after(plan, found, cut),
        warnings=(*_warnings(opened, plan, found, removed), *wal_report.warnings(cut)),
    )


def _warnings(
    opened: catalogue.Repository, plan: planner.Plan, found: survey.Survey, removed: Removed
) -> tuple[str, ...]:
    misdated = sum(decision.candidate.misdated for decision in plan.decisions)
    said = [problem.sentence for problem in opened.problems]
    told = {problem.name for problem in opened.problems}
    said += [evidence.hidden(one.backup_id) for one in found.leftovers if one.hidden and one.backup_id not in told]
    said += [
        f"{len(kept)} leftovers are kept: {why}. Check the list; if they may be deleted, set force: true once."
        for why in sorted({one.stays for one in found.leftovers if one.stays and one.backup_id not in found.in_use})
        for kept in [[one for one in found.leftovers if one.stays == why]]
    ]
    said += [
        f"{identity} is kept: it was pinned, put on hold or read while this ran." for identity in removed.protected
    ]
    said += [f"{one} is deleted; its files are being read, and are deleted in a later run." for one in removed.read]
    said += [f"{identity} is kept: {child}, which is kept, needs it." for identity, child in removed.needed.items()]
    if misdated:
        said.append(
            f"{misdated} backups are kept, because the store contradicts their time. If the store is a copy, set "
            "replica: true."
        )
    return tuple(said)


def _nothing() -> None:
    """Nobody to ask."""
