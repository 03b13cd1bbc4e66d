# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A picture of the backups as one HTML file that anybody can read: could one restore now, and how old is the newest
verified backup.

It loads nothing, needs no script, names no host, and shows causes of failures only when asked to: they may name hosts
and paths.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ..markup import Content, Markup, element, joined
from ..units import human_duration, human_size
from . import style as status_style
from . import verdict
from .charts import Bar, bars, meter

if t.TYPE_CHECKING:
    from .picture import Job, Picture, Runs, Shown, StoreUse, Subject

CHARTED = 30
"""Backups in a chart and in the table below it."""

FULL = 0.8
"""The share of the store's capacity at which a fuller one is shown in red, unless told otherwise."""

WORDS = {"yes": "restorable", "no": "no backup", "unknown": "unknown"}
DOUBTS = {"never": "never verified", "suspicious": "suspicious", "old": "not verified lately"}
MARKS = {"yes": "✓", "probably": "!", "no": "✕", "unknown": "?"}


@dataclasses.dataclass(frozen=True, slots=True)
class Style:
    """
    What the page takes for good: ages in seconds, `full` as a share of the store.

    The page itself counts for `stale_age`. With `causes` it says why runs failed, which may name hosts and paths.
    """

    verified_age: float = 48 * 3600.0
    stale_age: float = 26 * 3600.0
    full: float = FULL
    causes: bool = False


def render(picture: Picture, style: Style) -> str:
    """Give the page."""
    title = f"{picture.application}: backups"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=status_style.policy()),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="color-scheme", content="light dark"),
        element("meta", name_="referrer", content="no-referrer"),
        element("title", title),
        # An empty icon, or a browser would ask its server for one.
        element("link", rel="icon", href="data:,"),
        element("style", Markup(status_style.STYLE)),
    )
    body = element(
        "body",
        _header(picture, style),
        _main(picture, style),
        _footer(),
        element("script", Markup(status_style.SCRIPT)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _header(picture: Picture, style: Style) -> Markup:
    found = verdict.of(picture, style.verified_age)
    answer, _dot, rest = found.sentence.partition(".")
    # A number and its unit stay on one line.
    rest = re.sub(r"(\d) (?=(?:d|h|min|s)\b)", "\\1\u00a0", rest)
    until = picture.at + datetime.timedelta(seconds=style.stale_age)
    written = element(
        "p",
        "Written ",
        _time(picture.at),
        ", and counts until ",
        _time(until),
        ".",
        id="written",
        class_="quiet",
        data_at=int(picture.at.timestamp()),
        data_until=int(until.timestamp()),
    )
    first = element("p", element("b", f"{answer}."), rest, id="verdict", class_=f"verdict {found.answer}")
    cause = element("p", picture.unreadable, class_="bad") if style.causes and picture.unreadable else None
    return element("header", first, cause, written, element("h1", f"Backups of {picture.application}"))


def _main(picture: Picture, style: Style) -> Markup:
    return element(
        "main",
        _anomalies(picture),
        element("section", element("div", _cards(picture, style), class_="cards")),
        _store(picture.store, style) if picture.store else None,
        _schedule(picture.jobs, picture.at) if picture.jobs else None,
        _runs(picture, style) if picture.runs else None,
    )


def _footer() -> Markup:
    return element(
        "footer",
        element("p", "To restore, on the controller:", class_="quiet"),
        element(
            "p", element("code", "ansible-playbook lifeboat.recovery.restore -i INVENTORY -e lifeboat_database=NAME")
        ),
        element(
            "p",
            "A backup is verified when it was restored and compared with what was backed up. Times are UTC.",
            class_="quiet",
        ),
    )


def _anomalies(picture: Picture) -> Markup | None:
    if not picture.anomalies:
        return None
    listed = [element("li", anomaly.cause) for anomaly in picture.anomalies[:20]]
    more = len(picture.anomalies) - len(listed)
    return element(
        "section",
        element("h2", "Not as it must be"),
        element(
            "div", element("ul", list(listed), element("li", f"and {more} more") if more else None), class_="card odd"
        ),
    )


def _cards(picture: Picture, style: Style) -> list[Content]:
    """Give a card for each database, those in trouble first."""
    answers = [(verdict.of_subject(one, picture, style.verified_age), one) for one in picture.subjects]
    answers.sort(key=lambda pair: verdict.WORST_FIRST.index(pair[0]))
    return [_card(one, picture, style) for _answer, one in answers]


def _card(subject: Subject, picture: Picture, style: Style) -> Markup:
    answer = verdict.of_subject(subject, picture, style.verified_age)
    cluster = element("div", f"cluster {subject.cluster}", class_="quiet") if subject.database else None
    words = WORDS.get(answer) or DOUBTS[verdict.doubt(subject, picture, style.verified_age)]
    return element(
        "article",
        element(
            "div",
            element("div", element("h3", subject.database or subject.cluster), cluster),
            element("span", f"{MARKS[answer]} {words}", class_=f"tag {answer}"),
            class_="top",
        ),
        _facts(subject, picture),
        _unusual(subject, style),
        _charts(subject),
        class_="card",
    )


def _facts(subject: Subject, picture: Picture) -> Markup:
    rows: list[tuple[str, str]] = [
        ("Newest backup", _age(subject.newest, picture)),
        ("Newest verified", _age(subject.newest_verified, picture)),
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
        rows.append(("Next expiry", f"{_when(subject.next_expiry)}"))
    return element("dl", [joined(element("dt", name), element("dd", value)) for name, value in rows])


def _unusual(subject: Subject, style: Style) -> Markup | None:
    found = subject.newest.suspicions if subject.newest else ()
    if not found:
        return None
    # The causes name tables.
    kinds = ", ".join(sorted({one.kind.replace("_", " ") for one in found}))
    said = " ".join(one.cause for one in found[:5]) if style.causes else kinds
    return element("p", f"The newest backup is suspicious: {said}", class_="bad")


def _charts(subject: Subject) -> Markup | None:
    shown = subject.counting[-CHARTED:]
    if not shown:
        return None
    sizes = [Bar(_day(one), one.plain_size, _sentence(one), one.verified) for one in shown]
    charts = [bars("Data in each backup (filled: verified)", sizes, human_size(max(one.plain_size for one in shown)))]
    timed = [one for one in shown if one.seconds is not None]
    if len(timed) > 1:
        times = [Bar(_day(one), one.seconds or 0, f"{_day(one)}: {human_duration(one.seconds or 0)}") for one in timed]
        charts.append(bars("Time each backup took", times, human_duration(max(one.seconds or 0 for one in timed))))
    rows = [
        [
            _when(one.finished),
            human_size(one.plain_size),
            human_size(one.size),
            "" if one.seconds is None else human_duration(one.seconds),
            "yes" if one.verified else "no",
        ]
        for one in reversed(shown)
    ]
    table = _table(["Ended", "Data", "Stored", "Took", "Verified"], [list(row) for row in rows])
    name = "The backup" if len(rows) == 1 else f"The newest {len(rows)}"
    return joined(list(charts), element("details", element("summary", f"{name} as a table"), table))


def _store(use: StoreUse, style: Style) -> Markup:
    text = f"{human_size(use.size)} in {use.objects:,} objects."
    drawn = None
    if use.used is not None and use.capacity and use.available is not None:
        share = f"{100 * use.used:.0f} % of {human_size(use.capacity)} are used, {human_size(use.available)} are left."
        text, drawn = f"{text} {share}", meter(use.used, style.full, share)
    return element("section", element("h2", "Store"), element("div", element("p", text), drawn, class_="card"))


def _schedule(jobs: tuple[Job, ...], at: datetime.datetime) -> Markup:
    rows = [
        [
            job.name,
            element("span", f"✕ late since {_when(job.due)}", class_="bad") if job.late and job.due else "in time",
            _ago(job.last, at),
            _when(job.following) if job.following else "",
        ]
        for job in jobs
    ]
    table = _table(["Job", "State", "Last ended", "Next"], [list(row) for row in rows], stacked=True)
    return element("section", element("h2", "Schedule"), element("div", table, class_="card"))


def _runs(picture: Picture, style: Style) -> Markup:
    rows = [
        [
            run.operation,
            "/".join(filter(None, (run.cluster, run.database))) or "all",
            _result(run, style),
            _ago(run.last.at, picture.at),
            human_duration(run.last.seconds),
            _success(run),
        ]
        for run in picture.runs
    ]
    table = _table(
        ["What", "Of", "Last result", "When", "Took", "Last 7 days"], [list(row) for row in rows], stacked=True
    )
    return element("section", element("h2", "Last runs"), element("div", table, class_="card"))


def _result(run: Runs, style: Style) -> Markup:
    if run.last.result == "ok":
        return element("span", "✓ ok", class_="good")
    cause = element("div", run.last.message) if style.causes and run.last.message else None
    return element("span", f"✕ {run.last.result}", cause, class_="bad")


def _success(run: Runs) -> str:
    good, bad = run.recent.get("ok", 0), run.recent.get("failed", 0)
    return f"{good} of {good + bad} ok" if good + bad else ""


def _table(names: list[str], rows: list[list[Content]], *, stacked: bool = False) -> Markup:
    """Give a table. A phone shows a stacked one row by row, and scrolls another one."""
    head = element("thead", element("tr", [element("th", name, scope="col") for name in names]))
    cells = [
        element("tr", [element("td", cell, data_label=name) for name, cell in zip(names, row, strict=True)])
        for row in rows
    ]
    table = element("table", head, element("tbody", list(cells)), class_="stacked" if stacked else "short")
    if stacked:
        return table
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label="Table")


def _sentence(backup: Shown) -> str:
    state = "verified" if backup.verified else "not verified"
    return f"{_when(backup.finished)}: {human_size(backup.plain_size)} of data, {state}"


def _age(backup: Shown | None, picture: Picture) -> str:
    return f"{human_duration(verdict.age(backup, picture))} old" if backup else "never"


def _ago(at: datetime.datetime | None, now: datetime.datetime) -> str:
    return f"{human_duration(max((now - at).total_seconds(), 0.0))} ago" if at else "never"


def _time(at: datetime.datetime) -> Markup:
    return element("time", f"{_when(at)} UTC", datetime=at.isoformat(timespec="seconds"))


def _when(at: datetime.datetime) -> str:
    return f"{at.day} {at:%b %Y, %H:%M}"


def _day(backup: Shown) -> str:
    return f"{backup.finished.day} {backup.finished:%b}"
