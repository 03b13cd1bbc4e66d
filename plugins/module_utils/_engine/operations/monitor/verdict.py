# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Could one restore now? The answer in one sentence, from the status of an application's protection."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ...ground.units import human_duration

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ...records.repository.protection import KnownBackup, Protection
    from .protection_status import ProtectionStatus

    Old = Callable[[float], str]

Answer = t.Literal["yes", "probably", "no", "unknown"]

WORST_FIRST: tuple[Answer, ...] = ("no", "unknown", "probably", "yes")


Concern = t.Literal["never", "suspicious", "old"]


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """
    The answer and its sentence, which begins with it.

    `yes` rests on a restore-tested backup that is young enough and not suspicious, `probably` on one that nobody has
    restored, or not lately, or that is no longer like those before it.
    """

    answer: Answer
    sentence: str


def of_subject(subject: Protection, status: ProtectionStatus, restore_tested_age: float) -> Answer:
    """Return the answer for one database; `restore_tested_age` is in seconds."""
    if status.unreadable:
        return "unknown"
    if subject.newest is None:
        return "no"
    return "yes" if _young(subject.newest_sound, status, restore_tested_age) else "probably"


def concern(subject: Protection, status: ProtectionStatus, restore_tested_age: float) -> Concern:
    """Return why the answer for a database that has a backup is no yes."""
    if subject.newest_restore_tested is None:
        return "never"
    return "suspicious" if _young(subject.newest_restore_tested, status, restore_tested_age) else "old"


def of(status: ProtectionStatus, restore_tested_age: float, *, dated: bool = False) -> Verdict:
    """
    Return the answer for all databases together, which is that of the worst.

    It tells how old things are, or when it is to be read later, `dated`, from when they are.
    """
    old = _dated(status) if dated else _aged
    if status.unreadable:
        return Verdict(
            "unknown", "Unknown. The store cannot be read, so it is unknown whether the backups still exist."
        )
    if not status.subjects:
        return _nothing(status)
    answers = {subject.component: of_subject(subject, status, restore_tested_age) for subject in status.subjects}
    worst = next(answer for answer in WORST_FIRST if answer in answers.values())
    troubled = [subject for subject in status.subjects if answers[subject.component] == worst]
    if worst == "no":
        said = f"There is no backup of {_names(troubled, status)}{_but(status, troubled, old)}."
    elif worst == "probably":
        said = _unproved(status, troubled, restore_tested_age, old)
    else:
        said = _proved(status, old)
    about = f"{_suspicious(status)}{_uncompared(status, old)}{_hearsay(status)}"
    return Verdict(worst, f"{worst.capitalize()}. {said}{about}")


def age(backup: KnownBackup, status: ProtectionStatus) -> float:
    """Return the seconds since the backup ended."""
    return max((status.at - backup.finished).total_seconds(), 0.0)


def _young(backup: KnownBackup | None, status: ProtectionStatus, restore_tested_age: float) -> bool:
    return backup is not None and age(backup, status) <= restore_tested_age


def _nothing(status: ProtectionStatus) -> Verdict:
    if status.remembered:
        cause = f"This host may not read the store, and has no record of a backup of {status.application}."
        return Verdict("unknown", f"Unknown. {cause}")
    return Verdict("no", f"No. There is no backup of {status.application}.")


def _proved(status: ProtectionStatus, old: Old) -> str:
    ages = [age(subject.newest_sound, status) for subject in status.subjects if subject.newest_sound]
    if len(ages) == 1:
        name = _names(status.subjects, status)
        return f"{name} could be restored: its newest restore-tested backup is {old(ages[0])}."
    span = f"is {old(max(ages))} or younger"
    every = f"All {len(ages)} {'known ' if status.uncompared else ''}databases"
    return f"{every} could be restored: the newest restore-tested backup of each {span}."


def _unproved(status: ProtectionStatus, troubled: list[Protection], restore_tested_age: float, old: Old) -> str:
    every = f"Each database {'known here ' if status.uncompared else ''}has a backup"
    if len(status.subjects) == 1:
        every = "A backup is there"
    concerns: dict[Concern, list[Protection]] = {"never": [], "suspicious": [], "old": []}
    for subject in troubled:
        concerns[concern(subject, status, restore_tested_age)].append(subject)
    if never := concerns["never"]:
        return f"{every}, but no backup of {_names(never, status)} was ever restore-tested."
    if odd := concerns["suspicious"]:
        return f"{every}, but every recent restore-tested backup of {_names(odd, status)} is suspicious."
    tested = {subject.component: t.cast("KnownBackup", subject.newest_restore_tested) for subject in troubled}
    oldest = max(troubled, key=lambda subject: age(tested[subject.component], status))
    days = old(age(tested[oldest.component], status))
    return f"{every}, but the newest restore-tested one of {_names([oldest], status)} is {days}."


def _but(status: ProtectionStatus, troubled: list[Protection], old: Old) -> str:
    fine = [subject for subject in status.subjects if subject not in troubled]
    if never := [subject for subject in fine if subject.newest_restore_tested is None]:
        return f", and no backup of {_names(never, status)} was ever restore-tested"
    ages = [age(subject.newest_restore_tested, status) for subject in fine if subject.newest_restore_tested]
    return f"; the newest restore-tested backup of each other one is {old(max(ages))} or younger" if ages else ""


def _suspicious(status: ProtectionStatus) -> str:
    found = [subject for subject in status.subjects if subject.newest and subject.newest.suspicions]
    if not found:
        return ""
    return f" The newest backup of {_names(found, status)} is suspicious: check it before you restore it."


def _uncompared(status: ProtectionStatus, old: Old) -> str:
    """Say where nobody knows whether all databases are among those that are shown."""
    clusters = status.uncompared
    if not clusters:
        return ""
    asked = {inventory.cluster: inventory.at for inventory in status.inventories}
    latest = max((asked[name] for name in clusters if name in asked), default=None)
    last = f" (its last answer is {old((status.at - latest).total_seconds())})" if latest else ""
    of = f"clusters {_listed(clusters)} have" if len(clusters) > 1 else f"cluster {clusters[0]} has"
    return f" Whether {of} a database without a backup was not compared with the server{last}."


def _hearsay(status: ProtectionStatus) -> str:
    return " This host may not read the store, and reports what it has recorded." if status.remembered else ""


def _names(subjects: Iterable[Protection], status: ProtectionStatus) -> str:
    """Return names as people say them: three at most, and how many more there are."""
    several = len({subject.cluster for subject in status.subjects}) > 1
    names = [
        f"{subject.cluster}/{subject.database}" if several and subject.database else subject.database or subject.cluster
        for subject in subjects
    ]
    return _listed(names)


def _listed(given: Sequence[str]) -> str:
    names = [*given[:3], f"{len(given) - 3} more"] if len(given) > 3 else given
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _aged(seconds: float) -> str:
    return f"{human_duration(seconds)} old"


def _dated(status: ProtectionStatus) -> Old:
    return lambda seconds: f"from {moment(status.at - datetime.timedelta(seconds=seconds))} UTC"


def moment(at: datetime.datetime) -> str:
    """Return a time as people write it."""
    return f"{at.day} {at:%b %Y, %H:%M}"
