# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The events that people are told of, as far as they are more than the end of a verb, and what an event is."""

from __future__ import annotations

import dataclasses
import functools


@dataclasses.dataclass(frozen=True, slots=True)
class EventType:
    """
    What is said about events of one name: headline, what to do about it, and severity.

    `bus` is the name on an event bus where the rule does not make it.
    """

    name: str
    headline: str
    remedy: str = ""
    severity: str = "info"
    bus: str = ""

    @property
    def group(self) -> str:
        """What the event is about: its name without what happened to that."""
        return self.name.rpartition("_")[0] or self.name


NOT_MEANT = "If this was not intended, see docs/security.md."
critical = functools.partial(EventType, severity="critical")
warning = functools.partial(EventType, severity="warning")

MARK_CHANGED = warning("mark_changed", "a mark of a backup of {} changed", NOT_MEANT)
"""A pin or a hold came or went, which the audit log counts among the work of retention."""

UNPROVED = EventType(
    "restore_test_unproved",
    "a backup of {} restores, but could not be compared",
    "Set lifeboat_proof to counts or content: the next backup then has a proof.",
)
"""A restore test of a backup that has no proof, which says nothing of its data."""

UNRELIABLE = critical(
    "restore_test_unreliable",
    "the restore test of {} did not find a planted fault",
    "The backup was not judged, and no restore test of this host proves anything until that is explained: see "
    "docs/validate.md.",
)
"""A restore test that missed a canary, which says nothing of the backup."""

RECOVERY_STARTED = warning("recovery_started", "recovery of {} STARTED")
"""A run of a plan began, which the audit log counts among the work of recoveries."""

RECOVERY_ANNOUNCED = warning("recovery_announced", "recovery of {}")
"""A step of a plan says something to people, such as for a status page."""

RECOVERY_WAITING = critical(
    "recovery_waiting", "recovery of {} WAITS for an approval", "Decide; the run printed the command that approves."
)
"""A run ended before a step that somebody has to approve."""

DRILL_FINISHED = EventType("drill_finished", "recovery drill of {} finished")
DRILL_FAILED = critical(
    "drill_failed",
    "recovery drill of {} FAILED",
    "A recovery would fail in the same way: fix the cause, and drill again.",
)
"""The ends of a drill, here and above; its runs are recoveries to the audit log."""

TEST = EventType("test", "test message for {}")
"""Goes to every channel, whatever it listens to."""

SUMMARY = EventType("summary", "summary for {}")
"""One message for many, when a channel has a lot to catch up with."""
