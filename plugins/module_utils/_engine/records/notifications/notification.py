# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What is worth a notification, and how an entry of the audit log becomes that.

Nothing here sends; `text` words a notice for people, `body` for machines.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import hashlib
import typing as t

from ...ground import event_types, redaction, verbs
from ...ground.errors import CanaryMissed, UsageError
from ..audit import log as audit
from ..repository import names as repository
from ..repository import protection
from .contacts import escalation

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping, Sequence

    from .contacts import Contact

SEVERITIES = ("info", "warning", "critical")

EVERYTHING = "all"


@dataclasses.dataclass(frozen=True, slots=True)
class Notification:
    """
    Something to report. `parts` are those of a summary; `identity` is the hash of the audit log's entry, if any.

    `redacted` is the message without the names that it marks, empty when it marks none. `escalation` has a line for
    each level of the people to call.
    """

    event: str
    at: datetime.datetime
    severity: str
    application: str = ""
    component: str = ""
    backup_id: str = ""
    host: str = ""
    message: str = ""
    remedy: str = ""
    reason: str = ""
    seconds: float = 0.0
    facts: Mapping[str, audit.Fact] = dataclasses.field(default_factory=dict)
    tables: tuple[str, ...] = ()
    redacted: str = ""
    identity: str = ""
    escalation: tuple[str, ...] = ()
    parts: tuple[Notification, ...] = ()

    @property
    def kind(self) -> event_types.EventType:
        return verbs.EVENTS[self.event]

    @property
    def failure(self) -> bool:
        """Whether something was tried and failed."""
        return self.event.endswith(("_failed", "_unreliable"))

    @property
    def went_wrong(self) -> bool:
        """Whether something was asked for and not done."""
        return self.failure or self.event.endswith(("_refused", "_stopped"))

    @property
    def urgent(self) -> bool:
        """Whether somebody has to do something."""
        return self.severity == "critical"

    @property
    def subject(self) -> str:
        """What it is about, as people name it."""
        return str(self.facts.get("alarm", "")) or self.component or self.application or self.host or "this host"

    @property
    def delivery(self) -> str:
        """Return the same for the same news, so that a receiver can tell a repetition."""
        told = (self.identity, self.event, self.at.isoformat(), self.host, self.message, *map(_identity, self.parts))
        return hashlib.sha256("\0".join(told).encode()).hexdigest()[:32]


def from_entry(entry: audit.Entry) -> Notification | None:
    """Return the notice of an entry of the audit log; None when it is not news."""
    verb = verbs.OPERATIONS.get(entry.operation)
    event = verb.event(entry.result) if verb and entry.is_run else None
    if verb is None or event is None:
        return None
    if entry.result == "ok" and entry.facts.get("changed") is False and verb.unchanged != "news":
        return None
    if (
        event_types.MARK_CHANGED in verb.others
        and entry.result == "ok"
        and entry.facts.get("kind") in repository.SET_MARKS
    ):
        event = event_types.MARK_CHANGED
    if event_types.RECOVERY_STARTED in verb.others:
        event = _of_recovery(entry, event)
    if event_types.UNPROVED in verb.others and entry.result == "ok":
        event = event if protection.test_result(entry.operation, entry.result, entry.facts) else event_types.UNPROVED
    if event_types.UNRELIABLE in verb.others and entry.facts.get("error") == CanaryMissed.__name__:
        event = event_types.UNRELIABLE
    if event is None:
        return None
    return Notification(
        event=event.name,
        at=entry.at,
        severity=event.severity,
        application=entry.application,
        component=entry.component,
        backup_id=entry.backup_id,
        host=entry.host,
        message=entry.message,
        remedy=event.remedy,
        reason=entry.reason,
        seconds=entry.seconds,
        facts={name: fact for name, fact in entry.facts.items() if name not in {"changed", audit.REDACTED}},
        redacted=str(entry.facts.get(audit.REDACTED, "")),
        identity=entry.hash,
    )


def _of_recovery(entry: audit.Entry, event: event_types.EventType) -> event_types.EventType | None:
    """Return the event of a run of a plan, which ends one way or another; that a drill begins is no news."""
    state, drill = entry.facts.get("state"), entry.facts.get("mode") == "drill"
    if entry.result == "ok" and state == "open":
        return None if drill else event_types.RECOVERY_STARTED
    if entry.result == "ok" and state == "waiting":
        return event_types.RECOVERY_WAITING
    if drill:
        return event_types.DRILL_FINISHED if entry.result == "ok" else event_types.DRILL_FAILED
    return event


def summarised(parts: Sequence[Notification]) -> Notification:
    """Return one notice for several, as severe as the worst and as old as the newest of them, without their tables."""
    urgent = [part for part in parts if part.urgent]
    return Notification(
        event=event_types.SUMMARY.name,
        at=parts[-1].at,
        severity=max((part.severity for part in parts), key=SEVERITIES.index),
        application=_common(part.application for part in parts),
        host=_common(part.host for part in parts),
        message=f"{len(parts)} events since {parts[0].at:%Y-%m-%d %H:%M} UTC, {len(urgent)} of them urgent.",
        remedy=urgent[-1].remedy if urgent else "",
        parts=tuple(dataclasses.replace(part, tables=()) for part in parts),
    )


def check_patterns(patterns: Iterable[str], field: str) -> None:
    """Raise UsageError for a pattern that no event fits: it would silence a channel without a word."""
    for pattern in patterns:
        if pattern != EVERYTHING and not fnmatch.filter(verbs.EVENTS, pattern):
            raise UsageError(
                f"No event matches {pattern!r}.",
                f"Use {EVERYTHING}, or names or shell-style patterns of: {', '.join(sorted(verbs.EVENTS))}.",
                field=field,
            )


def escalated(notice: Notification, contacts: Sequence[Contact]) -> Notification:
    """Return a notice with the people to call, if somebody has to do something."""
    return dataclasses.replace(notice, escalation=escalation(contacts)) if notice.urgent else notice


def redact(notice: Notification) -> Notification:
    """Return a notice that names no tables."""
    parts = tuple(redact(part) for part in notice.parts)
    message = redaction.redacted(notice.redacted or notice.message)
    return dataclasses.replace(notice, message=message, redacted="", tables=(), parts=parts)


def wanted(notice: Notification, patterns: Iterable[str], minimum: str) -> bool:
    """Whether a channel that listens to `patterns` from the severity `minimum` on gets a notice."""
    if notice.event == event_types.TEST.name:
        return True
    severe = SEVERITIES.index(notice.severity) >= SEVERITIES.index(minimum)
    return severe and any(fnmatch.fnmatchcase(notice.event, "*" if each == EVERYTHING else each) for each in patterns)


def _common(values: Iterable[str]) -> str:
    """Return what all have in common, empty when they differ."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else ""


def _identity(notice: Notification) -> str:
    return notice.identity or notice.delivery
