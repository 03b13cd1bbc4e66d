# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Could one restore now? The answer in one sentence, from a picture of the backups.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ..units import human_duration

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .picture import Picture, Shown, Subject

    Old = Callable[[float], str]

Answer = t.Literal["yes", "probably", "no", "unknown"]

WORST_FIRST: tuple[Answer, ...] = ("no", "unknown", "probably", "yes")


Doubt = t.Literal["never", "suspicious", "old"]


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """
    The answer and its sentence, which begins with it.

    `yes` rests on a verified backup that is young enough and not suspicious, `probably` on one that nobody has
    restored, or not lately, or that is no longer like those before it.
    """

    answer: Answer
    sentence: str


def of_subject(subject: Subject, picture: Picture, verified_age: float) -> Answer:
    """Give the answer for one database; `verified_age` is in seconds."""
    if picture.unreadable:
        return "unknown"
    if subject.newest is None:
        return "no"
    return "yes" if _young(subject.newest_sound, picture, verified_age) else "probably"


def doubt(subject: Subject, picture: Picture, verified_age: float) -> Doubt:
    """Give why the answer for a database that has a backup is no yes."""
    if subject.newest_verified is None:
        return "never"
    return "suspicious" if _young(subject.newest_verified, picture, verified_age) else "old"


def of(picture: Picture, verified_age: float, *, dated: bool = False) -> Verdict:
    """
    Give the answer for all databases together, which is that of the worst.

    It tells how old things are, or when it is to be read later, `dated`, from when they are.
    """
    old = _dated(picture) if dated else _aged
    if picture.unreadable:
        return Verdict(
            "unknown", "Unknown. The store cannot be read: nobody knows whether the backups are still there."
        )
    if not picture.subjects:
        return _nothing(picture)
    answers = {subject.component: of_subject(subject, picture, verified_age) for subject in picture.subjects}
    worst = next(answer for answer in WORST_FIRST if answer in answers.values())
    troubled = [subject for subject in picture.subjects if answers[subject.component] == worst]
    if worst == "no":
        said = f"There is no backup of {_names(troubled, picture)}{_but(picture, troubled, old)}."
    elif worst == "probably":
        said = _unproved(picture, troubled, verified_age, old)
    else:
        said = _proved(picture, old)
    about = f"{_suspicious(picture)}{_uncompared(picture, old)}{_hearsay(picture)}"
    return Verdict(worst, f"{worst.capitalize()}. {said}{about}")


def age(backup: Shown, picture: Picture) -> float:
    """Give the seconds since the backup ended."""
    return max((picture.at - backup.finished).total_seconds(), 0.0)


def _young(backup: Shown | None, picture: Picture, verified_age: float) -> bool:
    return backup is not None and age(backup, picture) <= verified_age


def _nothing(picture: Picture) -> Verdict:
    if picture.remembered:
        cause = f"This host may not read the store, and remembers no backup of {picture.application}."
        return Verdict("unknown", f"Unknown. {cause}")
    return Verdict("no", f"No. There is no backup of {picture.application}.")


def _proved(picture: Picture, old: Old) -> str:
    ages = [age(subject.newest_sound, picture) for subject in picture.subjects if subject.newest_sound]
    if len(ages) == 1:
        name = _names(picture.subjects, picture)
        return f"{name} could be restored: its newest verified backup is {old(ages[0])}."
    span = f"is {old(max(ages))} or younger"
    every = f"All {len(ages)} {'' if _compared(picture) else 'known '}databases"
    return f"{every} could be restored: the newest verified backup of each {span}."


def _unproved(picture: Picture, troubled: list[Subject], verified_age: float, old: Old) -> str:
    every = "Each database has a backup" if _compared(picture) else "Each database that is known here has a backup"
    if len(picture.subjects) == 1:
        every = "A backup is there"
    doubts: dict[Doubt, list[Subject]] = {"never": [], "suspicious": [], "old": []}
    for subject in troubled:
        doubts[doubt(subject, picture, verified_age)].append(subject)
    if never := doubts["never"]:
        return f"{every}, but no backup of {_names(never, picture)} was ever verified."
    if odd := doubts["suspicious"]:
        return f"{every}, but nothing that was lately verified of {_names(odd, picture)} is free of suspicion."
    verified = {subject.component: t.cast("Shown", subject.newest_verified) for subject in troubled}
    oldest = max(troubled, key=lambda subject: age(verified[subject.component], picture))
    days = old(age(verified[oldest.component], picture))
    return f"{every}, but the newest verified one of {_names([oldest], picture)} is {days}."


def _but(picture: Picture, troubled: list[Subject], old: Old) -> str:
    fine = [subject for subject in picture.subjects if subject not in troubled]
    if never := [subject for subject in fine if subject.newest_verified is None]:
        return f", and no backup of {_names(never, picture)} was ever verified"
    ages = [age(subject.newest_verified, picture) for subject in fine if subject.newest_verified]
    return f"; the newest verified backup of each other one is {old(max(ages))} or younger" if ages else ""


def _suspicious(picture: Picture) -> str:
    found = [subject for subject in picture.subjects if subject.newest and subject.newest.suspicions]
    if not found:
        return ""
    return f" The newest backup of {_names(found, picture)} is suspicious: look at it before you restore it."


def _compared(picture: Picture) -> bool:
    return not picture.uncompared


def _uncompared(picture: Picture, old: Old) -> str:
    """Say where nobody knows whether all databases are among those that are shown."""
    clusters = picture.uncompared
    if not clusters:
        return ""
    asked = {inventory.cluster: inventory.at for inventory in picture.inventories}
    latest = max((asked[name] for name in clusters if name in asked), default=None)
    last = f" (its last answer is {old((picture.at - latest).total_seconds())})" if latest else ""
    of = f"clusters {_listed(clusters)} have" if len(clusters) > 1 else f"cluster {clusters[0]} has"
    return f" Whether {of} a database without a backup was not compared with the server{last}."


def _hearsay(picture: Picture) -> str:
    return " This host may not read the store, and says what it remembers." if picture.remembered else ""


def _names(subjects: Iterable[Subject], picture: Picture) -> str:
    """Give names as people say them: three at most, and how many more there are."""
    several = len({subject.cluster for subject in picture.subjects}) > 1
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


def _dated(picture: Picture) -> Old:
    return lambda seconds: f"from {moment(picture.at - datetime.timedelta(seconds=seconds))} UTC"


def moment(at: datetime.datetime) -> str:
    """Give a time as people write it."""
    return f"{at.day} {at:%b %Y, %H:%M}"
