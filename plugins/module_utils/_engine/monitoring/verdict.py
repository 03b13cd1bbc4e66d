# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Could one restore now? The answer in one sentence, from a picture of the backups.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..units import human_duration

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from .picture import Picture, Shown, Subject

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


def of(picture: Picture, verified_age: float) -> Verdict:
    """Give the answer for all databases together, which is that of the worst."""
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
        said = f"There is no backup of {_names(troubled, picture)}{_but(picture, troubled)}."
    elif worst == "probably":
        said = _unproved(picture, troubled, verified_age)
    else:
        said = _proved(picture)
    return Verdict(worst, f"{worst.capitalize()}. {said}{_suspicious(picture)}{_hearsay(picture)}")


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


def _proved(picture: Picture) -> str:
    ages = [age(subject.newest_sound, picture) for subject in picture.subjects if subject.newest_sound]
    if len(ages) == 1:
        name = _names(picture.subjects, picture)
        return f"{name} could be restored now: its newest verified backup is {_old(ages[0])}."
    span = f"is {_old(max(ages))} or younger"
    return f"All {len(ages)} databases could be restored now: the newest verified backup of each {span}."


def _unproved(picture: Picture, troubled: list[Subject], verified_age: float) -> str:
    every = "A backup is there" if len(picture.subjects) == 1 else "Each database has a backup"
    doubts: dict[Doubt, list[Subject]] = {"never": [], "suspicious": [], "old": []}
    for subject in troubled:
        doubts[doubt(subject, picture, verified_age)].append(subject)
    if never := doubts["never"]:
        return f"{every}, but no backup of {_names(never, picture)} was ever verified."
    if odd := doubts["suspicious"]:
        return f"{every}, but nothing that was lately verified of {_names(odd, picture)} is free of suspicion."
    verified = {subject.component: t.cast("Shown", subject.newest_verified) for subject in troubled}
    oldest = max(troubled, key=lambda subject: age(verified[subject.component], picture))
    days = _old(age(verified[oldest.component], picture))
    return f"{every}, but the newest verified one of {_names([oldest], picture)} is {days}."


def _but(picture: Picture, troubled: list[Subject]) -> str:
    fine = [subject for subject in picture.subjects if subject not in troubled]
    if never := [subject for subject in fine if subject.newest_verified is None]:
        return f", and no backup of {_names(never, picture)} was ever verified"
    ages = [age(subject.newest_verified, picture) for subject in fine if subject.newest_verified]
    return f"; the newest verified backup of each other one is {_old(max(ages))} or younger" if ages else ""


def _suspicious(picture: Picture) -> str:
    found = [subject for subject in picture.subjects if subject.newest and subject.newest.suspicions]
    if not found:
        return ""
    return f" The newest backup of {_names(found, picture)} is suspicious: look at it before you restore it."


def _hearsay(picture: Picture) -> str:
    return " This host may not read the store, and says what it remembers." if picture.remembered else ""


def _names(subjects: Iterable[Subject], picture: Picture) -> str:
    """Give names as people say them: three at most, and how many more there are."""
    several = len({subject.cluster for subject in picture.subjects}) > 1
    names = [
        f"{subject.cluster}/{subject.database}" if several and subject.database else subject.database or subject.cluster
        for subject in subjects
    ]
    if len(names) > 3:
        names = [*names[:3], f"{len(names) - 3} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _old(seconds: float) -> str:
    return f"{human_duration(seconds)} old"
