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


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """
    The answer and its sentence, which begins with it.

    `yes` rests on a verified backup that is young enough, `probably` on one that nobody has restored, or not lately.
    """

    answer: Answer
    sentence: str


def of_subject(subject: Subject, picture: Picture, verified_age: float) -> Answer:
    """Give the answer for one database; `verified_age` is in seconds."""
    if picture.unreadable:
        return "unknown"
    if subject.newest is None:
        return "no"
    verified = subject.newest_verified
    return "yes" if verified and age(verified, picture) <= verified_age else "probably"


def of(picture: Picture, verified_age: float) -> Verdict:
    """Give the answer for all databases together, which is that of the worst."""
    if picture.unreadable:
        return Verdict("unknown", f"Unknown. The store cannot be read: {picture.unreadable}")
    if not picture.subjects:
        return Verdict("no", f"No. There is no backup of {picture.application}.")
    answers = {subject.component: of_subject(subject, picture, verified_age) for subject in picture.subjects}
    worst = next(answer for answer in WORST_FIRST if answer in answers.values())
    troubled = [subject for subject in picture.subjects if answers[subject.component] == worst]
    if worst == "no":
        return Verdict("no", f"No. There is no backup of {_names(troubled)}{_but(picture, troubled)}.")
    if worst == "probably":
        return Verdict("probably", f"Probably. {_unproved(picture, troubled)}")
    return Verdict("yes", f"Yes. {_proved(picture)}")


def age(backup: Shown, picture: Picture) -> float:
    """Give the seconds since the backup ended."""
    return max((picture.at - backup.finished).total_seconds(), 0.0)


def _proved(picture: Picture) -> str:
    verified = [subject.newest_verified for subject in picture.subjects if subject.newest_verified]
    ages = sorted(age(backup, picture) for backup in verified)
    if len(ages) == 1:
        return f"{_names(picture.subjects)} could be restored now: its newest verified backup is {_old(ages[0])}."
    span = f"is {_old(ages[-1])} or younger"
    return f"All {len(ages)} databases could be restored now: the newest verified backup of each {span}."


def _unproved(picture: Picture, troubled: list[Subject]) -> str:
    never = [subject for subject in troubled if subject.newest_verified is None]
    every = "A backup is there" if len(picture.subjects) == 1 else "Each database has a backup"
    if never:
        return f"{every}, but no backup of {_names(never)} was ever verified."
    oldest = max(troubled, key=lambda subject: age(t.cast("Shown", subject.newest_verified), picture))
    verified = t.cast("Shown", oldest.newest_verified)
    return f"{every}, but the newest verified one of {_names([oldest])} is {_old(age(verified, picture))}."


def _but(picture: Picture, troubled: list[Subject]) -> str:
    fine = [subject for subject in picture.subjects if subject not in troubled]
    ages = [age(subject.newest_verified, picture) for subject in fine if subject.newest_verified]
    if not fine:
        return ""
    return f"; the newest verified backup of each other one is {_old(max(ages))} or younger" if ages else ""


def _names(subjects: Iterable[Subject]) -> str:
    """Give names as people say them: three at most, and how many more there are."""
    names = [subject.database or subject.cluster for subject in subjects]
    if len(names) > 3:
        names = [*names[:3], f"{len(names) - 3} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _old(seconds: float) -> str:
    return f"{human_duration(seconds)} old"
