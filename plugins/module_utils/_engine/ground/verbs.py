# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Everything that this software does, one row each: what the audit log, notifications, the schedule, alerts and reports
have to know of it. A verb is added here and nowhere else; a test holds roles and docs to this table.
"""

from __future__ import annotations

import dataclasses
import typing as t

from . import job_options as options
from .event_types import (
    DRILL_FAILED,
    DRILL_FINISHED,
    MARK_CHANGED,
    NOT_MEANT,
    RECOVERY_ANNOUNCED,
    RECOVERY_STARTED,
    RECOVERY_WAITING,
    SUMMARY,
    TEST,
    UNPROVED,
    UNRELIABLE,
    EventType,
    critical,
    warning,
)

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .job_options import Check

RESULTS = ("ok", "failed", "refused", "stopped")
"""How a run ends. Refused is a request that was turned down before anything was touched, stopped a run that
somebody ended."""

REASONS = ("scheduled", "manual", "pre_deployment", "emergency")
"""Why a backup is made."""

PROOFS = ("none", "counts", "content")
"""What a backup writes down about the data, for a restore to be compared with."""

LEVELS = ("intact", "opens")
"""How far a verification looks into stored files."""


@dataclasses.dataclass(frozen=True, slots=True)
class Scheduled:
    """
    How a job of the schedule runs: for which group of hosts, and whether only root can do it.

    `options` are what people may set, each with the variable that it becomes; `fixed` are variables that count always.
    A `light` one comes so often that the launcher does it itself, without a playbook, and logs no more than a change.
    """

    hosts: str
    options: Mapping[str, tuple[str, Check]] = dataclasses.field(default_factory=dict)
    root: bool = False
    fixed: Mapping[str, object] = dataclasses.field(default_factory=dict)
    light: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """
    One kind of work.

    `operation` is its word in the audit log and in metrics, empty for what leaves no entry. `play` is what people type:
    the playbook, the kind of its job, and its status file; empty where there is no play of its own. A play whose work
    is logged as another row's operation names that in `of`. `effect` is what it does to backups. A run that changed
    nothing is `nothing`, an entry that is `logged`, or `news` as well. `facts` hold the others in a module's result;
    `figures` are those that the log keeps. What is done `on_request` is what somebody wished, whatever its reason says.
    `alert` is the rule that its failure raises.
    """

    operation: str = ""
    play: str = ""
    of: str = ""
    effect: t.Literal["", "makes", "tests", "reads"] = ""
    unchanged: t.Literal["nothing", "logged", "news"] = "logged"
    on_request: bool = False
    facts: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    done: EventType | None = None
    failed: EventType | None = None
    refused: EventType | None = None
    stopped: EventType | None = None
    others: tuple[EventType, ...] = ()
    alert: str = ""
    scheduled: Scheduled | None = None

    def event(self, result: str) -> EventType | None:
        """Return the event of a run that ended so, None where that is none; what has none of its own is a failure."""
        own = {"ok": self.done, "failed": self.failed, "refused": self.refused, "stopped": self.stopped}
        return own.get(result) or (self.failed if result in {"refused", "stopped"} else None)

    @property
    def events(self) -> tuple[EventType, ...]:
        """All events that it can make."""
        return tuple(event for event in (self.done, self.failed, self.refused, self.stopped, *self.others) if event)


_RUN_AGAIN = "Fix the cause and run playbook lifeboat.recovery.{} for this host; see docs/troubleshooting.md."
_JOBS = ("lifeboat_jobs", options.whole(1, 64))

VERBS = (
    Verb(
        operation="backup",
        play="backup",
        effect="makes",
        facts=("backup",),
        figures=("members", "plain_size", "proof", "rows", "scope", "size", "suspicions", "tables"),
        done=EventType("backup_created", "backup of {} created", bus="system:backup-completed"),
        failed=critical("backup_failed", "backup of {} FAILED", _RUN_AGAIN.format("backup")),
        alert="LifeboatBackupFailed",
        scheduled=Scheduled(
            "databases",
            {
                "databases": ("lifeboat_databases", options.names),
                "databases_exclude": ("lifeboat_databases_exclude", options.names),
                "max_age": ("lifeboat_max_age", options.duration),
                "reason": ("lifeboat_reason", options.choice(*REASONS)),
                "proof": ("lifeboat_proof", options.choice(*PROOFS)),
                "parallel": _JOBS,
                "compression": ("lifeboat_compression", options.text),
                "min_bytes": ("lifeboat_min_bytes", options.size),
                "max_shrink": ("lifeboat_max_shrink", options.whole(0, 100)),
            },
            fixed={"lifeboat_reason": "scheduled"},
        ),
    ),
    Verb(
        play="physical",
        of="backup",
        scheduled=Scheduled(
            "databases",
            {
                "wal": ("lifeboat_physical_wal", options.choice("archive", "included")),
                "wal_timeout": ("lifeboat_physical_wal_timeout", options.duration),
                "checkpoint": ("lifeboat_physical_checkpoint", options.choice("fast", "spread")),
                "max_rate": ("lifeboat_physical_max_rate", options.size),
                "max_age": ("lifeboat_max_age", options.duration),
                "reason": ("lifeboat_reason", options.choice(*REASONS)),
                "compression": ("lifeboat_compression", options.text),
                "min_bytes": ("lifeboat_physical_min_bytes", options.size),
                "max_shrink": ("lifeboat_max_shrink", options.whole(0, 100)),
            },
            fixed={"lifeboat_reason": "scheduled"},
        ),
    ),
    Verb(
        operation="restore",
        play="restore",
        on_request=True,
        facts=("restore",),
        figures=("chosen", "emergency_backup_id", "proved", "recovery_id", "strategy", "table_bytes", "target"),
        done=EventType("restore_finished", "restore of {} finished"),
        failed=critical(
            "restore_failed",
            "restore of {} FAILED",
            "The output of the run says whether anything was replaced, and what to do; see docs/restore.md.",
        ),
        refused=warning("restore_refused", "restore of {} was refused", "Nothing was changed: see the message."),
    ),
    Verb(play="pitr", of="restore"),
    Verb(play="rescue", of="restore"),
    Verb(
        operation="validation",
        play="validate",
        effect="tests",
        unchanged="news",
        facts=("validation",),
        figures=("checks", "mode", "parts", "passed", "proof"),
        done=EventType("restore_test_passed", "restore test of {} passed", bus="system:restore-test-success"),
        failed=critical(
            "restore_test_failed",
            "restore test of {} FAILED",
            "Do not rely on this backup: test an earlier one and make another. See docs/validate.md.",
        ),
        stopped=warning(
            "restore_test_stopped",
            "restore test of {} was stopped",
            "The backup was not judged. Run playbook lifeboat.recovery.validate again.",
        ),
        others=(UNPROVED, UNRELIABLE),
        alert="LifeboatProofFailed",
        scheduled=Scheduled(
            "validated",
            {
                "databases": ("lifeboat_databases", options.names),
                "backup": ("lifeboat_restore_from", options.text),
                "parallel": _JOBS,
                "canaries": ("lifeboat_validate_canaries", options.yes_or_no),
            },
            root=True,  # the scratch cluster runs as another user, in namespaces of its own
        ),
    ),
    Verb(
        operation="verification",
        play="verify",
        effect="reads",
        unchanged="news",
        figures=("backups", "bytes_read", "files_read", "level", "problems", "sample"),
        done=EventType("verification_passed", "stored backups of {} are intact"),
        failed=critical(
            "verification_failed",
            "stored backups of {} are CORRUPTED or unreadable",
            "Keep all replicas, make a backup at once, and find out what changed the store.",
        ),
        stopped=warning(
            "verification_stopped",
            "verification of {} was stopped",
            "The rest was not verified. Run playbook lifeboat.recovery.verify again.",
        ),
        alert="LifeboatProofFailed",
        scheduled=Scheduled(
            "databases",
            {
                "sample": ("lifeboat_verify_sample", options.whole(1, 100)),
                "level": ("lifeboat_verify_level", options.choice(*LEVELS)),
            },
        ),
    ),
    Verb(
        operation="retention",
        play="retention",
        facts=("retention", "mark"),
        figures=("deleted", "expired", "freed", "garbage", "kept", "kind", "mark", "retained"),
        done=EventType("retention_applied", "retention of {} applied"),
        failed=critical("retention_failed", "retention of {} FAILED", _RUN_AGAIN.format("retention")),
        refused=warning("retention_refused", "retention of {} was refused", "Nothing was deleted. Check the policy."),
        others=(MARK_CHANGED,),
        alert="LifeboatRunFailed",
        scheduled=Scheduled(
            "databases",
            {
                "policy": ("lifeboat_retention", options.mapping),
                "apply": ("lifeboat_retention_apply", options.yes_or_no),
            },
            fixed={"lifeboat_retention_apply": True},  # whoever schedules it asks for it
        ),
    ),
    Verb(
        operation="key",
        unchanged="nothing",
        on_request=True,
        figures=("kid", "type"),
        done=warning("key_changed", "a key of {} changed", NOT_MEANT),
        failed=critical("key_failed", "work on a key of {} FAILED", "See docs/keys.md."),
    ),
    Verb(
        operation="trust",
        unchanged="nothing",
        on_request=True,
        figures=("serial",),
        done=warning("trust_changed", "the trust of {} changed", NOT_MEANT),
        failed=critical("trust_failed", "work on the trust of {} FAILED", "See docs/keys.md."),
    ),
    Verb(
        operation="archive",
        on_request=True,
        facts=("archive",),
        figures=("files",),
        done=EventType("archive_finished", "archive of {} finished"),
        failed=critical("archive_failed", "archive of {} FAILED", "Fix the cause and run it again."),
        alert="LifeboatRunFailed",
    ),
    Verb(
        # Its own runs are no events, or notifications would never end.
        operation="notification",
        others=(critical("alarm_raised", "ALARM: {}"), EventType("alarm_cleared", "alarm over: {}"), TEST, SUMMARY),
        alert="LifeboatRunFailed",
    ),
    Verb(
        operation="recovery",
        on_request=True,
        facts=("recovery",),
        figures=("mode", "plan", "status_page"),
        done=warning("recovery_finished", "recovery of {} finished"),
        failed=critical("recovery_failed", "recovery of {} FAILED", "Fix the cause and run it again; it resumes."),
        others=(RECOVERY_STARTED, RECOVERY_WAITING, RECOVERY_ANNOUNCED, DRILL_FINISHED, DRILL_FAILED),
    ),
    Verb(
        play="doctor",
        scheduled=Scheduled(
            "databases", {"fail_on": ("lifeboat_fail_on", options.choice("warning", "failed", "never"))}
        ),
    ),
    Verb(play="metrics", scheduled=Scheduled("databases")),
    Verb(play="heartbeat", scheduled=Scheduled("databases", light=True)),
)

OPERATIONS: Mapping[str, Verb] = {verb.operation: verb for verb in VERBS if verb.operation}
"""The verbs that leave entries in the audit log, by their word there."""

JOBS: Mapping[str, Scheduled] = {verb.play: verb.scheduled for verb in VERBS if verb.scheduled}
"""What can be a job of the schedule, by its kind there."""

EVENTS: Mapping[str, EventType] = {event.name: event for verb in VERBS for event in verb.events}


def operation_of(play: str) -> str:
    """Return the word of the audit log for what people type, empty for what leaves no entry there."""
    return next((verb.operation or verb.of for verb in VERBS if verb.play == play), "")


def failure_of(play: str) -> EventType | None:
    """Return the event of a run of what people type that failed, None for what is no event."""
    found = OPERATIONS.get(operation_of(play))
    return found.failed if found else None


def that(*effects: str) -> frozenset[str]:
    """Return the operations that do this to backups."""
    return frozenset(verb.operation for verb in VERBS if verb.effect in effects)
