# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose a recovery is: one run at a time goes on with it, and another only when that one is known to have ended."""

from __future__ import annotations

import typing as t

from ...ground import holder
from ...ground.errors import Busy
from . import forms

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .state import State


def is_free(state: State, process: Mapping[str, t.Any]) -> bool:
    """
    Whether another run may go on with it and takes it from nobody: the last run said that it ended, its process is
    known to be dead, or it is this very process.
    """
    last = state.run.process
    return bool(state.left or state.closed) or holder.is_dead(last) or (bool(last["started"]) and last == process)


def busy(state: State) -> Busy:
    """Return what to tell who comes second."""
    return Busy(
        f"{_who(state)} is at work on {state.recovery_id}: {_where(state)}.",
        f"Wait for it. If you know that it ended, set recovery_id (lifeboat_recovery_id) to {state.recovery_id} and "
        "takeover (lifeboat_takeover) to true.",
        **_details(state),
    )


def overtaken(state: State) -> Busy:
    """Return what to tell a run that goes on although another one took the recovery over."""
    return Busy(
        f"{_who(state)} took over {state.recovery_id}: {_where(state)}.",
        "This run stops here: leave the rest to the other one.",
        **_details(state),
    )


def _who(state: State) -> str:
    return f"{state.run.user} on {state.run.host}"


def _where(state: State) -> str:
    at_work = f"step {state.at_work}" if state.at_work else "no step yet"
    return f"{at_work}, last event at {forms.time_text(state.last_at)}"


def _details(state: State) -> dict[str, t.Any]:
    return {"recovery_id": state.recovery_id, "user": state.run.user, "host": state.run.host, "step": state.at_work}
