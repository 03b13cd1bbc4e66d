# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened here: how old the newest backups are, and how the last runs ended."""

from __future__ import annotations

import datetime
import typing as t

from ...ground.errors import RecoveryError
from ...ground.units import human_count, human_duration
from ...ground.verbs import JOBS, operation_of
from ...records.anomalies import assessment, judging
from ...records.anomalies.backup_figures import Statistics
from ...records.audit.log import AuditLog
from ...records.repository import marks, protection
from ...records.repository import names as repository
from ...records.repository.protection import Protection
from .check import Case, Check, failed, ok, refused, warning

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...records.audit.log import Entry
    from ...records.repository.catalogue import Repository
    from ...records.repository.marks import Marks
    from ...records.repository.protection import KnownBackup

LOOKED_AT = 20
"""Runs of one kind that a rate of success is taken of."""

LEAST_RUNS = 5

NEWS = datetime.timedelta(days=7)
"""How long a failure of what people asked for is reported."""

_LOOK = "Check the database first. If the change was intended, set since in lifeboat_anomalies to this time."
_RUN = "Run playbook lifeboat.recovery.{playbook} and check its messages."


def examine(case: Case) -> Iterator[Check]:
    """Yield what there is to say about the past."""
    known = _Known(case, case.runs)
    yield from _backup_age(case, known)
    yield from _restore_tested_age(case, known)
    yield from _suspicions(case, known)
    yield from _last_runs(case, case.runs, known.components)
    if case.wants("audit_log"):
        yield from _chain(case)


class _Known:
    """
    What is known of the backups: of the store, or of what this host remembers where it may only write there.

    `components` is what there should be backups of: this host's databases, and where there are none, all that has some.
    `unmarked` is why the marks in the store could not be read.
    """

    def __init__(self, case: Case, runs: list[Entry]) -> None:
        self.unmarked: RecoveryError | None = None
        settings, keep = case.request.repository, not case.world.dry_run
        wanted = case.request.thresholds if case.wants("anomalies") else judging.Thresholds(window=0)
        if case.listed:
            opened, memory = t.cast("Repository", case.opened), Statistics(case.state_dir, settings.place)
            said = self._marks(opened) if case.wants("restore_tested_age") else {}
            found = assessment.assess(opened, case.backups, memory, wanted, keep=keep)
            backups = protection.stored(case.backups, said, runs, found)
        else:
            backups = assessment.remembered(settings, runs, wanted, case.world.now())
        self._protected = protection.of(backups)
        if case.request.login:
            self.components = [repository.component(case.request.cluster, name) for name in case.databases]
        else:
            self.components = sorted(self._protected)

    def of(self, component: str) -> Protection:
        """Return the protection of a component, which may have no backup."""
        return self._protected.get(component, Protection(component))

    @property
    def newest(self) -> list[tuple[Protection, KnownBackup]]:
        """The newest backup of each component that has one."""
        return [(one, one.newest) for one in self._protected.values() if one.newest]

    def _marks(self, opened: Repository) -> dict[str, Marks]:
        try:
            return opened.marks(kinds=(marks.RESTORE_TESTED,))
        except RecoveryError as exc:
            self.unmarked = exc
            return {}


def _backup_age(case: Case, known: _Known) -> Iterator[Check]:
    limit = case.request.limits.backup_age
    if not limit or not (case.listed or known.newest):
        return
    ages: dict[str, float] = {}
    for component in known.components:
        newest = known.of(component).newest
        if newest is None:
            yield failed(
                "backup_age", f"{component} has no backup.", _RUN.format(playbook="backup"), component=component
            )
            continue
        ages[component] = (case.world.now() - newest.finished).total_seconds()
        if ages[component] > limit:
            yield failed(
                "backup_age",
                f"The newest backup of {component} is {human_duration(ages[component])} old; the limit is "
                f"{human_duration(limit)}.",
                _RUN.format(playbook="backup"),
                component=component,
                seconds=round(ages[component]),
            )
    if ages and max(ages.values()) <= limit and len(ages) == len(known.components):
        oldest = human_duration(max(ages.values()))
        yield ok(
            "backup_age",
            f"{human_count(len(ages), 'database')} checked: no newest backup is older than {oldest}.",
            seconds=ages,
        )


def _restore_tested_age(case: Case, known: _Known) -> Iterator[Check]:
    limit = case.request.limits.restore_tested_age
    if not limit or not case.wants("restore_tested_age") or not (case.listed or known.newest):
        return
    if known.unmarked is not None:
        yield refused("restore_tested_age", known.unmarked)
        return
    recent = True
    for component in known.components:
        newest = known.of(component).newest_restore_tested
        age = (case.world.now() - newest.finished).total_seconds() if newest else None
        if age is None or age > limit:
            recent = False
            said = f"The newest one is {human_duration(age)} old." if age is not None else "There is none."
            if not case.listed:
                said += " This host cannot read the marks in the store, and uses its own log."
            yield warning(
                "restore_tested_age",
                f"No backup of {component} from the last {human_duration(limit)} is restore-tested. {said}",
                _RUN.format(playbook="validate"),
                component=component,
                seconds=round(age) if age is not None else None,
            )
    if known.components and recent:
        looked = human_count(len(known.components), "database")
        yield ok("restore_tested_age", f"{looked} checked: each has a recent restore-tested backup.")


def _suspicions(case: Case, known: _Known) -> Iterator[Check]:
    if not case.wants("anomalies"):
        return
    for one, newest in known.newest:
        causes = judging.shown(newest.suspicions)
        if causes:
            clean = one.newest_clean.backup_id if one.newest_clean else None
            instead = f"The newest clean one is {clean}." if clean else "None is clean."
            yield warning(
                "anomalies",
                f"The newest backup of {one.component} is suspicious. {causes[0]} {instead}",
                _LOOK,
                component=one.component,
                backup_id=newest.backup_id,
                suspicions=causes,
                clean=clean,
            )
    if case.listed and known.newest and not any(newest.suspicions for _one, newest in known.newest):
        looked = human_count(len(known.newest), "database")
        yield ok("anomalies", f"{looked} checked: the newest backup of each looks like the ones before it.")


def _last_runs(case: Case, entries: list[Entry], components: list[str]) -> Iterator[Check]:
    every = protection.last_runs(entries)
    last = {which: entry for which, entry in every.items() if _matters(case, entry, components)}
    for (operation, component), entry in sorted(last.items()):
        if entry.result == "ok":
            continue
        ago = human_duration(max((case.world.now() - entry.at).total_seconds(), 0))
        what = f"The last {operation}" + (f" of {component}" if component else "")
        how = "failed" if entry.result == "failed" else f"was {entry.result}"
        make = failed if operation == "backup" else warning
        said = f": {entry.message.rstrip('.')}." if entry.message else "."
        yield make("last_runs", f"{what} {how} {ago} ago{said}", "Fix the cause, and run it again.", **_of(entry))
    backups = [entry for entry in entries if entry.operation == "backup" and entry.result != "refused"][-LOOKED_AT:]
    rate = round(100 * sum(entry.result == "ok" for entry in backups) / len(backups)) if backups else 100
    if len(backups) >= LEAST_RUNS and rate < case.request.limits.success_rate:
        yield warning(
            "success_rate",
            f"Of the last {len(backups)} backups {rate} % succeeded, "
            f"and the minimum is {case.request.limits.success_rate} %.",
            "Check the audit log for what failed.",
            percent=rate,
        )
    if last and all(entry.result == "ok" for entry in last.values()):
        times = {f"{operation} {component}".strip(): entry.time for (operation, component), entry in last.items()}
        said = f"All last runs succeeded ({human_count(len(last), 'kind')})."
        yield ok("last_runs", said, last=times, percent=rate)


def _matters(case: Case, entry: Entry, components: list[str]) -> bool:
    """Whether the end of a run says something about tonight."""
    if entry.operation not in {operation_of(kind) for kind in JOBS}:
        # What people asked for comes by no schedule again: its failure is news for a while, and its refusal none.
        return entry.result == "ok" or (entry.result in {"failed", "stopped"} and case.world.now() - entry.at < NEWS)
    gone = case.databases and entry.component.count("/") == 1 and entry.component not in components
    return entry.result == "ok" or not gone


def _of(entry: Entry) -> dict[str, t.Any]:
    return {"operation": entry.operation, "component": entry.component, "time": entry.time, "seconds": entry.seconds}


def _chain(case: Case) -> Iterator[Check]:
    log = AuditLog(case.state_dir)
    if log.path is None:
        return
    problems = log.verify(sleep=case.world.sleep)
    if problems:
        yield failed(
            "audit_log",
            f"The audit log is not intact: {problems[0]}",
            "Compare it with the backup_logs table or the last audit report, and find out who changed it.",
            problems=problems,
        )
    else:
        yield ok("audit_log", "The audit log is intact.")
