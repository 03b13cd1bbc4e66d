# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bodies are the documented ones, to the field; what people read is short, human, and tells nothing of the data."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.redaction import redacted
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.verbs import EVENTS
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications import body as notice_body
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications import (
    contacts,
    notification,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications import text as notice_text
from notice_fixtures import BACKUP

ROOT = Path(__file__).resolve().parents[4]


def body(notice, *, short=False):
    return json.loads(notice_body.encode(notice, short=short))


def test_the_short_body_of_a_backup(log):
    notice = dataclasses.replace(notification.from_entry(log.backup()), tables=("Service", "Booking", "User"))
    assert body(notice, short=True) == {
        "type": "backup_event",
        "event": "backup_created",
        "backupId": "backup-20220120T100000Z-a1b2c3d4e5f60718",
        "tables": ["Service", "Booking", "User"],
        "recordCount": 1234,
        "timestamp": "2022-01-20T10:00:00.000Z",
    }


def test_the_short_body_of_a_failed_backup(log):
    assert body(notification.from_entry(log.failure()), short=True) == {
        "type": "backup_failure",
        "error": "Connection timeout",
        "timestamp": "2022-01-20T10:00:00.000Z",
    }


def test_the_whole_body_holds_the_short_one(log):
    for entry in (log.backup(), log.failure(), log.add("retention", facts={"deleted": 3, "changed": True})):
        notice = notification.from_entry(entry)
        whole, short = body(notice), body(notice, short=True)
        assert short.items() <= whole.items()
        assert whole["host"] == "db1"
        assert whole["component"] == "main/shop"


@pytest.mark.parametrize(
    ("operation", "result", "event", "name"),
    [
        ("backup", "ok", "backup_created", "system:backup-completed"),
        ("validation", "ok", "restore_test_passed", "system:restore-test-success"),
        ("validation", "failed", "restore_test_failed", "system:restore-test-failed"),
        ("validation", "refused", "restore_test_failed", "system:restore-test-failed"),
        ("validation", "stopped", "restore_test_stopped", "system:restore-test-stopped"),
        ("verification", "stopped", "verification_stopped", "system:verification-stopped"),
        ("backup", "stopped", "backup_failed", "system:backup-failed"),
        ("backup", "refused", "backup_failed", "system:backup-failed"),
        ("retention", "ok", "retention_applied", "system:retention-applied"),
        ("retention", "refused", "retention_refused", "system:retention-refused"),
        ("recovery", "ok", "recovery_finished", "system:recovery-finished"),
        ("restore", "failed", "restore_failed", "system:restore-failed"),
        ("verification", "failed", "verification_failed", "system:verification-failed"),
        ("key", "ok", "key_changed", "system:key-changed"),
        ("trust", "ok", "trust_changed", "system:trust-changed"),
    ],
)
def test_an_operation_becomes_an_event(log, operation, result, event, name):
    notice = notification.from_entry(log.add(operation, result, facts={"proof": "counts"}))
    assert notice.event == event
    assert body(notice)["name"] == name


def test_a_pin_or_a_hold_is_no_deletion(log):
    message = "The hold on the backup is gone."
    entry = log.add("retention", message=message, facts={"kind": "hold", "state": "absent", "changed": True})
    notice = notification.from_entry(entry)
    assert (notice.event, notice.severity, notice.message) == ("mark_changed", "warning", message)
    assert body(notice)["type"] == "mark_event"


@pytest.mark.parametrize(
    ("state", "result", "mode", "event", "severity"),
    [
        ("open", "ok", "recover", "recovery_started", "warning"),
        ("waiting", "ok", "recover", "recovery_waiting", "critical"),
        ("leave", "failed", "recover", "recovery_failed", "critical"),
        ("close", "failed", "recover", "recovery_failed", "critical"),
        ("close", "ok", "recover", "recovery_finished", "warning"),
        ("waiting", "ok", "drill", "recovery_waiting", "critical"),
        ("leave", "failed", "drill", "drill_failed", "critical"),
        ("close", "ok", "drill", "drill_finished", "info"),
    ],
)
def test_a_recovery_is_told_when_it_begins_waits_and_ends(log, state, result, mode, event, severity):
    notice = notification.from_entry(log.add("recovery", result, facts={"state": state, "mode": mode, "changed": True}))
    assert (notice.event, notice.severity) == (event, severity)


def test_that_a_drill_begins_is_no_news(log):
    assert notification.from_entry(log.add("recovery", facts={"state": "open", "mode": "drill"})) is None


def test_a_test_that_missed_a_canary_says_nothing_of_the_backup(log):
    notice = notification.from_entry(log.add("validation", "failed", facts={"error": "CanaryMissed"}))
    assert (notice.event, notice.severity, notice.failure, notice.went_wrong) == (
        "restore_test_unreliable", "critical", True, True,
    )  # fmt: skip
    assert "The backup was not judged" in notice.remedy
    assert body(notice)["type"] == "restore_test_failure"


def test_what_is_urgent_says_whom_to_call(log):
    people = contacts.parse([{"name": "Bob", "level": 2}, {"name": "Al\x1bice", "within": "15m"}])
    urgent = notification.escalated(notification.from_entry(log.failure()), people)
    lines = ["Call Al\\x1bice", "If nobody answers within 15 min: Bob"]
    assert notice_text.text(urgent).endswith("\n\n" + "\n".join(lines))
    assert all(line in notice_text.markdown(urgent) for line in lines)
    assert body(urgent)["escalation"][1] == lines[1]
    calm = notification.escalated(notification.from_entry(log.backup()), people)
    assert not calm.escalation
    assert "escalation" not in body(calm)


def test_what_changed_nothing_is_no_news_except_a_test(log):
    unchanged = {"facts": {"changed": False}}
    assert notification.from_entry(log.add("backup", **unchanged)) is None
    assert notification.from_entry(log.add("retention", **unchanged)) is None
    tested = {"facts": {"changed": False, "proof": "counts"}}
    assert notification.from_entry(log.add("validation", **tested)).event == "restore_test_passed"
    assert notification.from_entry(log.add("backup", "failed", **unchanged)).event == "backup_failed"


def test_a_backup_that_was_compared_with_nothing_passed_no_test(log):
    notice = notification.from_entry(log.add("validation", facts={"changed": False, "proof": "none"}))
    assert (notice.event, notice.severity, notice.went_wrong) == ("restore_test_unproved", "info", False)
    assert "restores, but could not be compared" in notice_text.subject(notice)


def test_a_notification_is_never_news(log):
    assert notification.from_entry(log.add("notification", "failed")) is None


def test_a_repetition_is_told_by_its_delivery(log):
    entry = log.backup()
    assert body(notification.from_entry(entry))["delivery"] == body(notification.from_entry(entry))["delivery"]
    assert body(notification.from_entry(entry))["delivery"] != body(notification.from_entry(log.backup()))["delivery"]


def test_a_summary_counts_and_names_what_is_urgent(log):
    parts = [notification.from_entry(log.backup()) for _each in range(6)] + [notification.from_entry(log.failure())]
    summary = notification.summarised(parts)
    assert summary.severity == "critical"
    assert body(summary)["counts"] == {"backup_created": 6, "backup_failed": 1}
    assert [part["event"] for part in body(summary)["events"]] == ["backup_created"] * 6 + ["backup_failed"]
    assert notice_text.subject(summary) == "[lifeboat] shop on db1: 7 events, 1 URGENT"
    assert "6 x backup created" in notice_text.text(summary)
    assert "backup of main/shop FAILED: Connection timeout" in notice_text.text(summary)


def test_a_summary_does_not_list_the_tables_of_a_hundred_backups(log):
    parts = [
        dataclasses.replace(notification.from_entry(log.backup()), tables=("public.orders",)) for _each in range(3)
    ]
    assert "public.orders" not in notice_body.encode(notification.summarised(parts), short=False).decode()


def test_an_alarm_is_named_in_its_subject(clock):
    for event, said in (
        ("alarm_raised", "ALARM: restore_tested_age"),
        ("alarm_cleared", "alarm over: restore_tested_age"),
    ):
        notice = notification.Notification(
            event, clock.moment, "critical", application="shop", facts={"alarm": "restore_tested_age"}
        )
        assert notice_text.subject(notice) == f"[lifeboat] shop: {said}"


def test_a_success_in_words(log):
    notice = notification.from_entry(log.backup())
    assert notice_text.subject(notice) == "[lifeboat] shop on db1: backup of main/shop created (8.8 MiB, 42 s)"
    assert notice_text.text(notice).splitlines() == [
        "Stored.",
        "",
        "Component: main/shop",
        "Backup: backup-20220120T100000Z-a1b2c3d4e5f60718",
        "Size: 8.8 MiB",
        "Unpacked: 45.3 MiB",
        "Rows: 1,234",
        "Took: 42 s",
        "Reason: scheduled",
        "Host: db1",
        "Time: 2022-01-20 10:00:00 UTC",
    ]


def test_a_failure_says_what_to_do_next(log):
    for operation in ("backup", "restore", "validation", "verification", "retention", "recovery", "key", "archive"):
        notice = notification.from_entry(log.add(operation, "failed", message="It broke."))
        assert notice_text.text(notice).startswith("It broke.\n")
        assert "\nWhat to do next: " in notice_text.text(notice), operation
        assert notice.severity == "critical"


def test_a_failed_restore_claims_nothing_of_what_it_replaced(log):
    cause = "The in-place restore failed after 'shop' was dropped: The server is gone."
    entry = log.add("restore", "failed", message=cause, facts={"emergency_backup_id": BACKUP})
    told = notice_text.text(notification.from_entry(entry))
    assert "Nothing was replaced" not in told
    assert f"Emergency backup: {BACKUP}" in told
    assert "What to do next: The output of the run says whether anything was replaced" in told


def test_markdown_takes_nothing_for_markup(log):
    notice = notification.from_entry(log.failure("no *such* `file` <!channel> _a_"))
    assert "`no *such* 'file' <!channel> _a_`" in notice_text.markdown(notice)


def test_a_subject_is_one_short_line(log):
    notice = notification.from_entry(log.backup(component="main/" + "x" * 200))
    assert len(notice_text.subject(notice)) == 120


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("permission denied for table customers.", "permission denied for table …."),
        ('relation "public"."Kunden" does not exist', "relation … does not exist"),
        ("The table public.orders cannot be read.", "The table … cannot be read."),
        ("table shop.orders: 5 rows were backed up, 4 are here.", "table …: 5 rows were backed up, 4 are here."),
        ("The check 'rows of public.orders' fails", "The check 'rows of …' fails"),
        ('error in "a b"."c""d" here', "error in … here"),
        ("Key (email)=(ann@example.com) already exists.", "Key (…)=(…) already exists."),
        ("Key (f(a, b))=(x (y) z) already exists.", "Key (…)=(…) already exists."),
        ("The tables public.a, public.b and c are missing.", "The tables … are missing."),
        ("Give another type or view the log.", None),
        ("Failing row contains (1, ann@example.com, (x)).", "Failing row contains (…)."),
        ("The database 'shop' has no tables, so its backup would be empty.", None),
        ("3 tables could not be locked in 5 attempts.", None),
        ("The store example.com refused: 403.", None),
    ],
)
def test_names_of_tables_and_values_stay_at_home(text, wanted):
    assert redacted(text) == (wanted or text)


def test_a_redacted_notice_hides_them_in_its_parts_too(log):
    notice = dataclasses.replace(notification.from_entry(log.failure("no table a.b")), tables=("a.b",))
    hidden = notification.redact(notification.summarised([notice, notice]))
    assert "a.b" not in notice_body.encode(hidden, short=False).decode()
    assert "a.b" in notice_body.encode(notice, short=False).decode()


def test_a_channel_hears_what_it_asked_for(log):
    failed, created = notification.from_entry(log.failure()), notification.from_entry(log.backup())
    assert notification.wanted(created, ("all",), "info")
    assert not notification.wanted(created, ("all",), "warning")
    assert notification.wanted(failed, ("backup_*",), "critical")
    assert not notification.wanted(failed, ("restore_*", "backup_created"), "info")
    assert notification.wanted(dataclasses.replace(created, event="test"), ("restore_*",), "critical")


def test_a_pattern_that_fits_no_event_is_refused():
    notification.check_patterns(("all", "backup_*", "*_failed", "alarm_raised"), "events")
    with pytest.raises(UsageError, match="backup_succeeded") as caught:
        notification.check_patterns(("backup_succeeded",), "channels.team.events")
    assert caught.value.details["field"] == "channels.team.events"


def test_every_event_is_documented_with_its_bus_name():
    text = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")
    for event, kind in EVENTS.items():
        assert f"| `{event}` | `{notice_body.bus_name(event)}` | {kind.severity} |" in text, event


def test_the_bodies_in_the_documentation_are_real(log):
    text = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")
    documented = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    tables = ("public.Booking", "public.Service", "public.User")
    created = dataclasses.replace(notification.from_entry(log.backup()), tables=tables)
    failed = notification.from_entry(log.failure())
    for notice in (created, failed):
        for short in (False, True):
            real = body(notice, short=short)
            alike = [one for one in documented if list(one) == list(real) and one["type"] == real["type"]]
            assert alike, (notice.event, short)
            assert alike[0].get("recordCount") == real.get("recordCount")
