# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The databases on the status page: a card with charts for each where they are few or in trouble, a table for the rest.
"""

from __future__ import annotations

import typing as t

from ..markup import Content, Markup, element, joined
from ..units import human_duration, human_size
from . import verdict
from .charts import Bar, bars
from .tables import table, when

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ..catalogue.protection import KnownBackup, Protection
    from .protection_status import ProtectionStatus
    from .style import Style

FEW = 6
"""Databases that each get a card."""

MOST = 6
"""Cards of databases in trouble: what happened to all of them at once is not told better by fifty cards."""

CHARTED = 30
"""Backups in a chart and in the table below it."""

WORDS = {"yes": "restorable", "no": "no backup", "unknown": "unknown"}
DOUBTS = {"never": "never restore-tested", "suspicious": "suspicious", "old": "not restore-tested lately"}
MARKS = {"yes": "✓", "probably": "!", "no": "✕", "unknown": "?"}


def databases(picture: ProtectionStatus, style: Style) -> Markup:
    """Give all databases, those in trouble first."""
    answers = {one.component: verdict.of_subject(one, picture, style.restore_tested_age) for one in picture.subjects}
    worst_first = sorted(picture.subjects, key=lambda one: verdict.WORST_FIRST.index(answers[one.component]))
    if len(worst_first) <= FEW:
        shown = worst_first
    else:
        shown = [one for one in worst_first if answers[one.component] != "yes"][:MOST]
    rest = worst_first[len(shown) :]
    cards = element("div", [_card(one, picture, style) for one in shown], class_="cards") if shown else None
    return element("section", cards, _many(rest, picture, style) if rest else None)


def _many(subjects: Sequence[Protection], picture: ProtectionStatus, style: Style) -> Markup:
    """Give a row for each, which is enough of what is well."""
    rows: list[list[Content]] = [
        [
            one.database or one.cluster,
            one.cluster,
            _tag(one, picture, style),
            _ended(one.newest),
            _ended(one.newest_restore_tested),
            human_size(one.newest.plain_size) if one.newest else "",
            f"{len(one.backups)}",
        ]
        for one in subjects
    ]
    names = ["Database", "Cluster", "State", "Newest backup", "Newest restore-tested", "Data", "Backups"]
    return element("div", table(names, rows, stacked=True), class_="card rest")


def _tag(subject: Protection, picture: ProtectionStatus, style: Style) -> Markup:
    answer = verdict.of_subject(subject, picture, style.restore_tested_age)
    words = WORDS.get(answer) or DOUBTS[verdict.doubt(subject, picture, style.restore_tested_age)]
    return element("span", f"{MARKS[answer]} {words}", class_=f"tag {answer}")


def _card(subject: Protection, picture: ProtectionStatus, style: Style) -> Markup:
    cluster = element("div", f"cluster {subject.cluster}", class_="quiet") if subject.database else None
    return element(
        "article",
        element(
            "div",
            element("div", element("h3", subject.database or subject.cluster), cluster),
            _tag(subject, picture, style),
            class_="top",
        ),
        _facts(subject),
        _unusual(subject, style),
        _charts(subject),
        class_="card",
    )


def _facts(subject: Protection) -> Markup:
    rows: list[tuple[str, str]] = [
        ("Newest backup", _ended(subject.newest)),
        ("Newest restore-tested", _ended(subject.newest_restore_tested)),
    ]
    if newest := subject.newest:
        rows.append(("Data", human_size(newest.plain_size)))
        rows.append(("Stored as", human_size(newest.size) + (f", {newest.ratio:.1f} to 1" if newest.ratio else "")))
        if newest.rows is not None:
            rows.append(("Rows", f"{newest.rows:,}"))
        if newest.seconds is not None:
            rows.append(("Took", human_duration(newest.seconds)))
    total = human_size(sum(backup.size for backup in subject.backups))
    rows.append(("All backups", f"{len(subject.backups)}, {total}" if subject.backups else "none"))
    if subject.next_expiry:
        rows.append(("Next expiry", f"{when(subject.next_expiry)}"))
    return element("dl", [joined(element("dt", name), element("dd", value)) for name, value in rows])


def _unusual(subject: Protection, style: Style) -> Markup | None:
    found = subject.newest.suspicions if subject.newest else ()
    if not found:
        return None
    # The causes name tables.
    kinds = ", ".join(sorted({one.kind.replace("_", " ") for one in found}))
    said = " ".join(one.cause for one in found[:5]) if style.causes else kinds
    return element("p", f"The newest backup is suspicious: {said}", class_="bad")


def _charts(subject: Protection) -> Markup | None:
    shown = subject.counting[-CHARTED:]
    if not shown:
        return None
    sizes = [Bar(_day(one), one.plain_size, _sentence(one), one.restore_tested) for one in shown]
    charts = [
        bars("Data in each backup (filled: restore-tested)", sizes, human_size(max(one.plain_size for one in shown)))
    ]
    timed = [one for one in shown if one.seconds is not None]
    if len(timed) > 1:
        times = [Bar(_day(one), one.seconds or 0, f"{_day(one)}: {human_duration(one.seconds or 0)}") for one in timed]
        charts.append(bars("Time each backup took", times, human_duration(max(one.seconds or 0 for one in timed))))
    rows = [
        [
            when(one.finished),
            human_size(one.plain_size),
            human_size(one.size),
            "" if one.seconds is None else human_duration(one.seconds),
            "yes" if one.restore_tested else "no",
        ]
        for one in reversed(shown)
    ]
    listed = table(["Ended", "Data", "Stored", "Took", "Verified"], [list(row) for row in rows])
    name = "The backup" if len(rows) == 1 else f"The newest {len(rows)}"
    return joined(list(charts), element("details", element("summary", f"{name} as a table"), listed))


def _sentence(backup: KnownBackup) -> str:
    state = "restore-tested" if backup.restore_tested else "not restore-tested"
    return f"{when(backup.finished)}: {human_size(backup.plain_size)} of data, {state}"


def _ended(backup: KnownBackup | None) -> str:
    return when(backup.finished) if backup else "never"


def _day(backup: KnownBackup) -> str:
    return f"{backup.finished.day} {backup.finished:%b}"
