# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a status page can tell the users of an application while it is recovered: no hosts, no plans, no causes."""

from __future__ import annotations

import datetime
import typing as t

from . import arriving, expecting, objectives
from .events import DRILL

if t.TYPE_CHECKING:
    from .state import State


def status_page(state: State) -> str:
    """Return the text as of the last event, empty for a drill, which no user notices. Times are UTC."""
    if state.opened.mode == DRILL:
        return ""
    if state.closed == "ok":
        points = arriving.counted(state)
        lost = objectives.lost(points, state)
        moments = [arriving.complete_until(name, point, state) for name, point in points.items()]
        oldest = min(filter(None, moments), default=None)
        missing = f" Changes since {_moment(oldest)} may be missing." if oldest and lost else ""
        return f"{state.application} works again since {_moment(state.last_at)}.{missing}"
    since = f"{state.application} has been disturbed since {_moment(state.opened.incident_at)} and is being recovered."
    left = expecting.total(state.plan, state.forecast, but=state.settled)
    if state.closed or state.left or not left.runs:
        return since
    return f"{since} It is expected back at about {_moment(state.last_at + datetime.timedelta(seconds=left.seconds))}."


def _moment(at: datetime.datetime) -> str:
    return f"{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M} UTC"
