# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What happened here: how old the newest backups are, and how the last runs ended.
"""

from __future__ import annotations

import datetime
import typing as t

from .. import repository
from ..anomalies import assessment, judging
from ..anomalies.statistics import Statistics
from ..audit.log import AuditLog
from ..catalogue.believing import FUTURE
from ..catalogue.receipts import Receipts
from ..errors import RecoveryError
from ..units import human_duration
from ..verbs import JOBS, operation_of
from .check import Case, Check, count, failed, ok, refused, warning

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ..audit.log import Entry

LOOKED_AT = 20
"""Runs of one kind that a rate of success is taken of."""

LEAST_RUNS = 5

NEWS = datetime.timedelta(days=7)
"""How long a failure of what people asked for is told."""

_LOOK = "Look at the database first. If the change was meant, set since in lifeboat_anomalies to this time."
_RUN = "Run playbook lifeboat.recovery.{playbook} and look at what it says."


def examine(case: Case) -> Iterator[Check]:
    """Yield what there is to say about the past."""
    log = AuditLog(case.state_dir)
    entries = [entry for entry in log.entries(application=case.application) if entry.is_run]
    components = _components(case)
    yield from _backup_age(case, components)
    if case.listed:
        yield from _verified_age(case, components, entries)
        yield from _suspicions(case)
    elif case.wants("anomalies"):
        yield from _remembered_suspicions(case, components)
    yield from _last_runs(case, entries, components)
    if case.wants("audit_log"):
        yield from _chain(case)


def _components(case: Case) -> list[str]:
    """Give what there should be backups of: this host's databases, and where there are none, all that has some."""
    if case.request.login:
        return [repository.component(case.request.cluster, name) for name in case.databases]
    return sorted({backup.manifest.component for backup in case.backups})


def _backup_age(case: Case, components: list[str]) -> Iterator[Check]:
    limit = case.request.limits.backup_age
    newest = _newest(case)
    if not limit or not (case.listed or newest):
        return
    ages: dict[str, float] = {}
    for component in components:
        if component not in newest:
            yield failed(
                "backup_age", f"{component} has no backup.", _RUN.format(playbook="backup"), component=component
            )
            continue
        ages[component] = (case.world.now() - newest[component]).total_seconds()
        if ages[component] > limit:
            yield failed(
                "backup_age",
                f"The newest backup of {component} is {human_duration(ages[component])} old, and "
                f"{human_duration(limit)} are allowed.",
                _RUN.format(playbook="backup"),
                component=component,
                seconds=round(ages[component]),
            )
    if ages and max(ages.values()) <= limit and len(ages) == len(components):
        oldest = human_duration(max(ages.values()))
        yield ok(
            "backup_age",
            f"{count(len(ages), 'database')} looked at: no newest backup is older than {oldest}.",
            seconds=ages,
        )


def _newest(case: Case) -> dict[str, datetime.datetime]:
    if not case.listed:
        known = Receipts(case.state_dir, case.request.repository.place).of(case.application)
        ends = [(receipt, datetime.datetime.fromisoformat(receipt.finished)) for receipt in known]
        return {
            receipt.component: end
            for receipt, end in sorted(ends, key=lambda each: each[1])
            # As the catalogue does: what claims to have ended in the future is no backup to rely on.
            if receipt.scope == "full" and receipt.reason != "emergency" and end <= case.world.now() + FUTURE
        }
    records = sorted((backup.manifest for backup in case.backups), key=lambda record: record.finished)
    return {
        record.component: record.finished
        for record in records
        if record.scope == "full" and record.reason != "emergency"
    }


def _verified_age(case: Case, components: list[str], entries: list[Entry]) -> Iterator[Check]:
    limit = case.request.limits.verified_age
    if not limit or not case.wants("verified_age"):
        return
    try:
        proved = _proved(case, entries)
    except RecoveryError as exc:
        yield refused("verified_age", exc)
        return
    newest: dict[str, datetime.datetime] = {}
    for record in sorted((backup.manifest for backup in case.backups), key=lambda each: each.finished):
        if record.backup_id in proved and record.scope == "full":
            newest[record.component] = record.finished
    for component in components:
        age = (case.world.now() - newest[component]).total_seconds() if component in newest else None
        if age is None or age > limit:
            said = f"The newest one is {human_duration(age)} old" if age is not None else "There is none"
            yield warning(
                "verified_age",
                f"No backup of {component} from the last {human_duration(limit)} was restored for a test. {said}.",
                _RUN.format(playbook="validate"),
                component=component,
                seconds=round(age) if age is not None else None,
            )
    if components and all(
        name in newest and (case.world.now() - newest[name]).total_seconds() <= limit for name in components
    ):
        yield ok(
            "verified_age",
            f"{count(len(components), 'database')} looked at: of each a recent backup was restored for a test.",
        )


def _proved(case: Case, entries: list[Entry]) -> set[str]:
    """Give the backups that were restored and were right: by their marks, and by this host's own memory."""
    opened = t.cast("t.Any", case.opened)
    said = opened.marks(kinds=("verified",))
    digests = {backup.manifest.backup_id: backup.manifest_sha256 for backup in case.backups}
    marked = {name for name, marks in said.items() if name in digests and marks.verified(digests[name])}
    return marked | {entry.backup_id for entry in entries if (entry.operation, entry.result) == ("validation", "ok")}


def _suspicions(case: Case) -> Iterator[Check]:
    if not case.wants("anomalies"):
        return
    opened = t.cast("t.Any", case.opened)
    memory = Statistics(case.state_dir, case.request.repository.place)
    found = assessment.assess(opened, case.backups, memory, case.request.thresholds, keep=not case.world.dry_run)
    clean = assessment.newest_clean((backup.manifest for backup in case.backups), found)
    newest = assessment.newest_clean((backup.manifest for backup in case.backups), {})
    for component, record in newest.items():
        causes = judging.shown(found.get(record.backup_id, ()))
        if causes:
            instead = (
                f"The newest clean one is {clean[component].backup_id}." if component in clean else "None is clean."
            )
            yield warning(
                "anomalies",
                f"The newest backup of {component} is suspicious. {causes[0]} {instead}",
                _LOOK,
                component=component,
                backup_id=record.backup_id,
                suspicions=causes,
                clean=clean[component].backup_id if component in clean else None,
            )
    if newest and all(not found.get(record.backup_id) for record in newest.values()):
        yield ok(
            "anomalies", f"{count(len(newest), 'database')} looked at: the newest backup looks like the ones before it."
        )


def _remembered_suspicions(case: Case, components: list[str]) -> Iterator[Check]:
    """Judge by this host's own memory, where it may not look into the store."""
    for component in components:
        history = Statistics(case.state_dir, case.request.repository.place).of(case.application, component)
        found = judging.judge(
            history[-judging.DEPTH * max(case.request.thresholds.window, 1) :], case.request.thresholds
        )
        newest = [entry.backup_id for entry in history if entry.backup_id in found][-1:]
        for cause in judging.shown(found[newest[0]])[:1] if newest else ():
            yield warning(
                "anomalies",
                f"The newest backup of {component} is suspicious. {cause}",
                _LOOK,
                component=component,
                backup_id=newest[0],
            )


def _last_runs(case: Case, entries: list[Entry], components: list[str]) -> Iterator[Check]:
    last: dict[tuple[str, str], Entry] = {(entry.operation, entry.component): entry for entry in entries}
    last = {which: entry for which, entry in last.items() if _matters(case, entry, components)}
    for (operation, component), entry in sorted(last.items()):
        if entry.result == "ok":
            continue
        ago = human_duration(max((case.world.now() - entry.at).total_seconds(), 0))
        what = f"The last {operation}" + (f" of {component}" if component else "")
        how = "failed" if entry.result == "failed" else f"was {entry.result}"
        make = failed if operation == "backup" else warning
        said = f": {entry.message.rstrip('.')}." if entry.message else "."
        yield make("last_runs", f"{what} {how} {ago} ago{said}", "Mend the cause, and run it again.", **_of(entry))
    backups = [entry for entry in entries if entry.operation == "backup" and entry.result != "refused"][-LOOKED_AT:]
    rate = round(100 * sum(entry.result == "ok" for entry in backups) / len(backups)) if backups else 100
    if len(backups) >= LEAST_RUNS and rate < case.request.limits.success_rate:
        yield warning(
            "success_rate",
            f"Of the last {len(backups)} backups {rate} % succeeded, "
            f"and {case.request.limits.success_rate} % are wanted.",
            "Look into the audit log for what failed.",
            percent=rate,
        )
    if last and all(entry.result == "ok" for entry in last.values()):
        times = {f"{operation} {component}".strip(): entry.time for (operation, component), entry in last.items()}
        yield ok("last_runs", f"All of the last runs succeeded ({count(len(last), 'kind')}).", last=times, percent=rate)


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
            f"The audit log is not whole: {problems[0]}",
            "Compare it with the backup_logs table or the last audit report, and find out who changed it.",
            problems=problems,
        )
    else:
        yield ok("audit_log", "The audit log is whole.")
