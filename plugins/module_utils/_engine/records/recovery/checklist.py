# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done in an incident, and what of it the journal shows to be done. The rest is ticked by people."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.entries import nearest
from ...ground.errors import UsageError
from .events import KINDS, Close
from .step_types import TYPES

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping, Sequence

    from .events import Event
    from .state import State


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """Something to do; any of the events or types of steps in `done_by` does it."""

    text: str
    done_by: tuple[str, ...] = ()


_PROVING = tuple(name for name, kind in TYPES.items() if kind.moves_data)
"""What compares the data of a backup with what is known of them."""

DEFAULT = (
    Item("Incident documented with start time", ("open",)),
    Item("Team notified via emergency contacts", ("told",)),
    Item("Affected systems identified", ("open",)),
    Item("Backup integrity verified", _PROVING),
    Item("Recovery procedure selected", ("open",)),
    Item("Pre-recovery backup created", ("emergency_backup",)),
    Item("Recovery executed", ("close",)),
    Item("Data integrity verified", _PROVING),
    Item("Services restarted", ("start",)),
    Item("Monitoring enabled"),
    Item("Users notified"),
    Item("Post-mortem scheduled"),
    Item("Documentation updated"),
)


def parse(given: Iterable[Mapping[str, t.Any]]) -> tuple[Item, ...]:
    """Return the items as a user writes them. Raise UsageError for what no recovery does."""
    items = tuple(Item(entry["text"], tuple(entry.get("done_by") or ())) for entry in given)
    known = (*KINDS, *TYPES)
    for word in (word for item in items for word in item.done_by):
        if word not in known:
            near = nearest(word, known)
            raise UsageError(
                f"checklist: done_by cannot be {word!r}.",
                f"Use an event of a recovery or a type of a step{f', such as {near}' if near else ''}.",
                field="checklist",
            )
    return items


def done(item: Item, state: State, events: Sequence[Event]) -> datetime.datetime | None:
    """Return when something was first done, None where the journal does not show it."""
    types = {step.id: step.type for step in state.plan.steps}
    moments = [event.at for event in events if event.kind in item.done_by and event.what != Close("failed")]
    moments += [
        one.ended
        for one in state.attempts
        if one.ended and one.end and one.end.result == "ok" and types.get(one.step) in item.done_by
    ]
    return min(moments, default=None)
