# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A picture of the backups as one HTML file that anybody can read: could one restore now, and how old is the newest
restore-tested backup.

It loads nothing, needs no script, names no host, and shows causes of failures only when asked to: they may name hosts
and paths.
"""

from __future__ import annotations

import datetime
import re
import typing as t

from ..markup import Content, Markup, element
from ..units import human_duration, human_size
from . import cards, verdict
from . import style as status_style
from .charts import meter
from .tables import table, when

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ..catalogue.protection import Runs
    from .protection_status import Job, ProtectionStatus, StoreUse
    from .style import Style

MANY_RUNS = 12
"""Rows of runs beyond which only what went wrong is shown at once."""


def render(picture: ProtectionStatus, style: Style) -> str:
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


def _header(picture: ProtectionStatus, style: Style) -> Markup:
    found = verdict.of(picture, style.restore_tested_age, dated=True)
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


def _main(picture: ProtectionStatus, style: Style) -> Markup:
    return element(
        "main",
        _anomalies(picture),
        cards.databases(picture, style),
        _servers(picture) if picture.inventories else None,
        _store(picture.store, style) if picture.store else None,
        _schedule(picture.jobs) if picture.jobs else None,
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
            "A backup is restore-tested when it was restored and compared with what was backed up. Times are UTC.",
            class_="quiet",
        ),
    )


def _anomalies(picture: ProtectionStatus) -> Markup | None:
    if not picture.anomalies:
        return None
    listed = [element("li", anomaly.sentence) for anomaly in picture.anomalies[:20]]
    more = len(picture.anomalies) - len(listed)
    return element(
        "section",
        element("h2", "Not as it must be"),
        element(
            "div", element("ul", list(listed), element("li", f"and {more} more") if more else None), class_="card odd"
        ),
    )


def _servers(picture: ProtectionStatus) -> Markup:
    """Say which servers the databases above were compared with, and what nobody chose to back up."""
    rows = [
        [
            each.cluster,
            when(each.at),
            f"{len(each.wanted)}",
            ", ".join(each.left_out) or "none",
        ]
        for each in picture.inventories
    ]
    names = ["Cluster", "Asked", "To be backed up", "Left out by choice"]
    listed = table(names, [list(row) for row in rows], stacked=True)
    return element("section", element("h2", "Databases of the servers"), element("div", listed, class_="card"))


def _store(use: StoreUse, style: Style) -> Markup:
    text = f"{human_size(use.size)} in {use.objects:,} objects."
    drawn = None
    if use.used is not None and use.capacity and use.available is not None:
        share = f"{100 * use.used:.0f} % of {human_size(use.capacity)} are used, {human_size(use.available)} are left."
        text, drawn = f"{text} {share}", meter(use.used, style.full, share)
    return element("section", element("h2", "Store"), element("div", element("p", text), drawn, class_="card"))


def _schedule(jobs: tuple[Job, ...]) -> Markup:
    rows = [
        [
            job.name,
            element("span", f"✕ late since {when(job.due)}", class_="bad") if job.late and job.due else "in time",
            when(job.last),
            when(job.following) if job.following else "",
        ]
        for job in jobs
    ]
    listed = table(["Job", "State", "Last ended", "Next"], [list(row) for row in rows], stacked=True)
    return element("section", element("h2", "Schedule"), element("div", listed, class_="card"))


def _runs(picture: ProtectionStatus, style: Style) -> Markup:
    """Give the last runs. Where they are many, those that ended well are folded away."""
    bad = [run for run in picture.runs if run.last.result != "ok"]
    good = [run for run in picture.runs if run.last.result == "ok"]
    if len(picture.runs) <= MANY_RUNS:
        listed: Content = _runs_table([*bad, *good], style)
    else:
        summary = element("summary", f"{len(good)} that ended well")
        folded = element("details", summary, _runs_table(good, style)) if good else None
        listed = [_runs_table(bad, style) if bad else None, folded]
    return element("section", element("h2", "Last runs"), element("div", listed, class_="card"))


def _runs_table(runs: Sequence[Runs], style: Style) -> Markup:
    rows: list[list[Content]] = [
        [
            run.operation,
            "/".join(filter(None, (run.cluster, run.database))) or "all",
            _result(run, style),
            when(run.last.at),
            human_duration(run.last.seconds),
            _success(run),
        ]
        for run in runs
    ]
    return table(["What", "Of", "Last result", "When", "Took", "Last 7 days"], rows, stacked=True)


def _result(run: Runs, style: Style) -> Markup:
    if run.last.result == "ok":
        return element("span", "✓ ok", class_="good")
    cause = element("div", run.last.message) if style.causes and run.last.message else None
    return element("span", f"✕ {run.last.result}", cause, class_="bad")


def _success(run: Runs) -> str:
    good, bad = run.recent.get("ok", 0), run.recent.get("failed", 0)
    return f"{good} of {good + bad} ok" if good + bad else ""


def _time(at: datetime.datetime) -> Markup:
    return element("time", f"{when(at)} UTC", datetime=at.isoformat(timespec="seconds"))
