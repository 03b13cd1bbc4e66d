# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What is worth telling somebody: the kinds of events, their severities, and how an entry of the audit log becomes one.

Nothing here sends; `text` words a notice for people, `body` for machines.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import hashlib
import typing as t

from .. import redaction
from ..audit import log as audit
from ..errors import UsageError

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping, Sequence

SEVERITIES = ("info", "warning", "critical")

SUMMARY = "summary"
"""One notice for many, when a channel has a lot to catch up with."""

TEST = "test"
"""Goes to every channel, whatever it listens to."""

MARK = "mark_changed"
"""A pin or a hold came or went, which the audit log counts among the work of retention."""

EVERYTHING = "all"


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """What is said about events of one name: its group, its severity, its headline, and what to do about it."""

    group: str
    severity: str
    headline: str
    remedy: str = ""


_RUN_AGAIN = "Mend the cause and run playbook lifeboat.recovery.{} for this host; docs/troubleshooting.md has causes."

KINDS: Mapping[str, Kind] = {
    "backup_created": Kind("backup", "info", "backup of {} created"),
    "backup_failed": Kind("backup", "critical", "backup of {} FAILED", _RUN_AGAIN.format("backup")),
    "restore_finished": Kind("restore", "info", "restore of {} finished"),
    "restore_failed": Kind(
        "restore", "critical", "restore of {} FAILED", "Nothing was exchanged; docs/restore.md has every message."
    ),
    "restore_refused": Kind("restore", "warning", "restore of {} was refused", "Nothing was touched: see the message."),
    "restore_test_passed": Kind("restore_test", "info", "restore test of {} passed"),
    "restore_test_failed": Kind(
        "restore_test",
        "critical",
        "restore test of {} FAILED",
        "Do not count on this backup: test an earlier one and make another. See docs/validate.md.",
    ),
    "restore_test_stopped": Kind(
        "restore_test",
        "warning",
        "restore test of {} was stopped",
        "It says nothing about the backup. Run playbook lifeboat.recovery.validate again.",
    ),
    "verification_passed": Kind("verification", "info", "stored backups of {} are intact"),
    "verification_failed": Kind(
        "verification",
        "critical",
        "stored backups of {} are DAMAGED or unreadable",
        "Keep all replicas, make another backup at once, and find out who or what changed the store.",
    ),
    "verification_stopped": Kind(
        "verification",
        "warning",
        "verification of {} was stopped",
        "It says nothing about what it had not read. Run playbook lifeboat.recovery.verify again.",
    ),
    "retention_applied": Kind("retention", "info", "retention of {} applied"),
    "retention_failed": Kind("retention", "critical", "retention of {} FAILED", _RUN_AGAIN.format("retention")),
    "retention_refused": Kind(
        "retention", "warning", "retention of {} was refused", "Nothing was deleted. See whether the policy is meant."
    ),
    MARK: Kind("mark", "warning", "a mark of a backup of {} changed", "If nobody meant that, see docs/security.md."),
    "key_changed": Kind("key", "warning", "a key of {} changed", "If nobody meant that, see docs/security.md."),
    "key_failed": Kind("key", "critical", "work on a key of {} FAILED", "See docs/keys.md."),
    "trust_changed": Kind("trust", "warning", "the trust of {} changed", "If nobody meant that, see docs/security.md."),
    "trust_failed": Kind("trust", "critical", "work on the trust of {} FAILED", "See docs/keys.md."),
    "archive_finished": Kind("archive", "info", "archive of {} finished"),
    "archive_failed": Kind("archive", "critical", "archive of {} FAILED", "Mend the cause and run it again."),
    "recovery_started": Kind("recovery", "warning", "recovery of {} STARTED"),
    "recovery_finished": Kind("recovery", "warning", "recovery of {} finished"),
    "recovery_failed": Kind(
        "recovery", "critical", "recovery of {} FAILED", "Mend the cause; it resumes where it was."
    ),
    "alarm_raised": Kind("alarm", "critical", "ALARM: {}"),
    "alarm_cleared": Kind("alarm", "info", "alarm over: {}"),
    TEST: Kind("test", "info", "test message for {}"),
    SUMMARY: Kind("summary", "info", "summary for {}"),
}

_EVENTS: Mapping[str, tuple[str, str, str, str]] = {
    "archive": ("archive_finished", "archive_failed", "archive_failed", "archive_failed"),
    "backup": ("backup_created", "backup_failed", "backup_failed", "backup_failed"),
    "key": ("key_changed", "key_failed", "key_failed", "key_failed"),
    "recovery": ("recovery_finished", "recovery_failed", "recovery_failed", "recovery_failed"),
    "restore": ("restore_finished", "restore_failed", "restore_refused", "restore_failed"),
    "retention": ("retention_applied", "retention_failed", "retention_refused", "retention_failed"),
    "trust": ("trust_changed", "trust_failed", "trust_failed", "trust_failed"),
    "validation": ("restore_test_passed", "restore_test_failed", "restore_test_failed", "restore_test_stopped"),
    "verification": ("verification_passed", "verification_failed", "verification_failed", "verification_stopped"),
}
"""The event of each operation for each of audit.RESULTS. Notifications themselves are none, or they would never end."""

_MARKS = frozenset({"pinned", "hold"})

_TOLD_UNCHANGED = frozenset({"validation", "verification"})
"""Operations that change nothing by their nature; of the others, one that changed nothing is no news."""


@dataclasses.dataclass(frozen=True, slots=True)
class Notice:
    """
    Something to tell. `parts` are those of a summary; `identity` is the hash of the audit log's entry, if any.

    `redacted` is the message without the names that it marks, empty when it marks none.
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
    parts: tuple[Notice, ...] = ()

    @property
    def kind(self) -> Kind:
        return KINDS[self.event]

    @property
    def failure(self) -> bool:
        """Whether something was tried and failed."""
        return self.event.endswith("_failed")

    @property
    def went_wrong(self) -> bool:
        """Whether something was asked for and not done."""
        return self.event.endswith(("_failed", "_refused", "_stopped"))

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
        """Give the same for the same news, so that a receiver can tell a repetition."""
        told = (self.identity, self.event, self.at.isoformat(), self.host, self.message, *map(_identity, self.parts))
        return hashlib.sha256("\0".join(told).encode()).hexdigest()[:32]


def from_entry(entry: audit.Entry) -> Notice | None:
    """Give the notice of an entry of the audit log; None when it is not news."""
    if entry.operation not in _EVENTS or entry.result not in audit.RESULTS or not entry.is_run:
        return None
    unchanged = entry.result == "ok" and entry.facts.get("changed") is False
    if unchanged and entry.operation not in _TOLD_UNCHANGED:
        return None
    event = _EVENTS[entry.operation][audit.RESULTS.index(entry.result)]
    if event == "retention_applied" and entry.facts.get("kind") in _MARKS:
        event = MARK
    return Notice(
        event=event,
        at=entry.at,
        severity=KINDS[event].severity,
        application=entry.application,
        component=entry.component,
        backup_id=entry.backup_id,
        host=entry.host,
        message=entry.message,
        remedy=KINDS[event].remedy,
        reason=entry.reason,
        seconds=entry.seconds,
        facts={name: fact for name, fact in entry.facts.items() if name not in {"changed", audit.REDACTED}},
        redacted=str(entry.facts.get(audit.REDACTED, "")),
        identity=entry.hash,
    )


def summarised(parts: Sequence[Notice]) -> Notice:
    """Give one notice for several, as severe as the worst and as old as the newest of them, without their tables."""
    urgent = [part for part in parts if part.urgent]
    return Notice(
        event=SUMMARY,
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
        if pattern != EVERYTHING and not fnmatch.filter(KINDS, pattern):
            raise UsageError(
                f"No event fits {pattern!r}.",
                f"Give {EVERYTHING}, or names or shell-style patterns of: {', '.join(sorted(KINDS))}.",
                field=field,
            )


def redact(notice: Notice) -> Notice:
    """Give a notice that names no tables."""
    parts = tuple(redact(part) for part in notice.parts)
    message = redaction.redacted(notice.redacted or notice.message)
    return dataclasses.replace(notice, message=message, redacted="", tables=(), parts=parts)


def wanted(notice: Notice, patterns: Iterable[str], minimum: str) -> bool:
    """Whether a channel that listens to `patterns` from the severity `minimum` on is told of a notice."""
    if notice.event == TEST:
        return True
    severe = SEVERITIES.index(notice.severity) >= SEVERITIES.index(minimum)
    return severe and any(fnmatch.fnmatchcase(notice.event, "*" if each == EVERYTHING else each) for each in patterns)


def _common(values: Iterable[str]) -> str:
    """Give what all have in common, empty when they differ."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else ""


def _identity(notice: Notice) -> str:
    return notice.identity or notice.delivery
