# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ran on a host and how it ended, for `lifeboat status`: the last run of each kind, from the audit log."""

from __future__ import annotations

import dataclasses
import typing as t
import urllib.parse

from ...ground.printing import printable
from ...ground.units import human_duration
from ..repository import protection

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from .log import Entry

MOST = 20
"""Runs that are shown: a host has some databases and some kinds of jobs."""


def last(state_dir: str) -> list[Entry]:
    """Return the last run of each operation on each component, the newest first. Raise StoreError without the right."""
    found = protection.last_runs(protection.read_runs(state_dir))
    return sorted(found.values(), key=lambda entry: entry.sequence, reverse=True)


def report(entries: Sequence[Entry], now: datetime) -> str:
    """Return a line for each run."""
    lines = [_line(entry, now) for entry in entries[:MOST]]
    if len(entries) > MOST:
        lines.append(f"and {len(entries) - MOST} more; see the audit log")
    return "\n".join(lines) + "\n" if lines else ""


def records(entries: Sequence[Entry]) -> list[dict[str, t.Any]]:
    """Return the runs as plain data."""
    return [dataclasses.asdict(entry) for entry in entries]


def _line(entry: Entry, now: datetime) -> str:
    name = urllib.parse.unquote(entry.component or entry.application)
    how = "ok" if entry.result == "ok" else entry.result.upper()
    ago = human_duration(max((now - entry.at).total_seconds(), 0.0))
    said = f": {entry.message}" if entry.message else ""
    of = f" of {name.removeprefix('main/')}" if name else ""
    return printable(f"{entry.operation}{of}: {how}, {ago} ago, by {entry.user}{said}")
