# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each channel is told each thing once, in order, and what stands in the way is reported and tried again next time."""

from __future__ import annotations

import fcntl
import json
import os

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.channels.address import Undelivered
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import StoreError, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.notify import delivery, notify
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications import body as notice_body
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications import (
    memory as notice_memory,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications.channels import Channel
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications.notification import (
    Notification,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications.pending import Alarm
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications.request import (
    NotifyRequest,
    Patience,
    Ping,
)

URL = "https://hooks.example.com/services/sesame-open-sesame"


class Receivers:
    """What stands where messages would leave the process: notes what each address was sent, or fails as told."""

    def __init__(self):
        self.heard = []
        self.failures = {}
        self.attempts = 0

    def install(self, monkeypatch):
        def within(seconds, work, environ):
            self.attempts += 1
            work()

        def post(address, body, headers, **_rest):
            if problems := self.failures.get(address.url):
                raise problems.pop(0)
            self.heard.append((address.url, json.loads(body)))

        def ping(address, signal, message, **_rest):
            if problems := self.failures.get(address.url):
                raise problems.pop(0)
            self.heard.append((address.url, (signal, message)))

        monkeypatch.setattr(delivery.cutoff, "within", within)

        def send(address, subject, body, **_rest):
            self.heard.append((address.url, subject))

        monkeypatch.setattr(delivery.services, "knows", lambda address: False)
        monkeypatch.setattr(delivery.services, "send", send)
        monkeypatch.setattr(delivery.webhook, "post", post)
        monkeypatch.setattr(delivery.webhook, "ping", ping)
        return self

    def events(self, url=URL):
        return [body["event"] for place, body in self.heard if place == url]


@pytest.fixture
def receivers(monkeypatch):
    return Receivers().install(monkeypatch)


@pytest.fixture
def tell(log, clock, receivers):
    def run(*channels, dry_run=False, **options):
        chosen = channels or (Channel("team", url=URL),)
        given = {"host": "db1", "user": "lifeboat", "state_dir": log.state_dir, **options}
        return notify.notify(NotifyRequest(channels=chosen, **given), clock.world(dry_run=dry_run))

    return run


@pytest.fixture
def tell_nobody(log, clock, receivers):
    def run(**options):
        given = {"host": "db1", "user": "lifeboat", "state_dir": log.state_dir, **options}
        return notify.notify(NotifyRequest(**given), clock.world())

    return run


def down(count, *, final=False):
    return [Undelivered(f"It is down at {URL}.", final=final) for _each in range(count)]


def test_a_channel_begins_with_the_last_minutes_and_not_with_the_past(log, tell, receivers):
    for _each in range(20):
        log.failure(ago=86400)
    log.backup(ago=60)
    outcome = tell()
    assert receivers.events() == ["backup_created"]
    assert outcome.facts["begun"] == ["team"]
    assert outcome.changed


def test_nothing_is_told_twice(log, tell, receivers):
    log.backup()
    tell()
    again = tell()
    assert receivers.events() == ["backup_created"]
    assert not again.changed
    assert again.facts["begun"] == []
    log.failure()
    tell()
    assert receivers.events() == ["backup_created", "backup_failed"]


def test_what_happened_long_ago_is_told_if_the_channel_knew_what_was_before(log, tell, receivers, clock):
    tell()
    log.failure()
    clock.sleep(7 * 86400)
    tell()
    assert receivers.events() == ["backup_failed"]


def test_a_channel_that_begins_is_not_told_what_another_one_missed(log, tell, receivers):
    other = "https://other.example.com/hook"
    tell()
    log.failure(ago=86400)
    log.backup()
    tell(Channel("team", url=URL), Channel("other", url=other))
    assert receivers.events() == ["backup_failed", "backup_created"]
    assert receivers.events(other) == ["backup_created"]


def test_a_failing_channel_is_tried_with_growing_pauses_and_told_next_time(log, tell, receivers, clock):
    log.backup()
    receivers.failures[URL] = down(3)
    outcome = tell()
    assert clock.pauses == [2.0, 8.0]
    assert outcome.facts["failed_channels"] == [
        {"name": "team", "target": "https://hooks.example.com/***", "error": "It is down at ***."}
    ]
    assert any("team" in warning for warning in outcome.warnings)
    assert not outcome.changed
    tell()
    assert receivers.events() == ["backup_created"]


def test_a_failure_is_in_the_audit_log_and_is_no_news_itself(log, tell, receivers):
    log.backup()
    receivers.failures[URL] = down(3)
    tell()
    (entry,) = log.entries("notification")
    assert (entry.result, entry.host, entry.user) == ("failed", "db1", "lifeboat")
    assert "sesame" not in entry.message
    tell()
    tell()
    assert receivers.events() == ["backup_created"]
    assert [entry.result for entry in log.entries("notification")] == ["failed", "ok"]


def test_a_short_outage_is_waited_out(log, tell, receivers, clock):
    log.backup()
    receivers.failures[URL] = down(1)
    assert tell().facts["failed_channels"] == []
    assert clock.pauses == [2.0]
    assert receivers.events() == ["backup_created"]


def test_what_cannot_change_is_not_tried_again(log, tell, receivers, clock):
    log.backup()
    receivers.failures[URL] = down(1, final=True)
    assert tell().facts["failed_channels"]
    assert clock.pauses == []
    assert receivers.attempts == 1


def test_one_channel_does_not_wait_for_another(log, tell, receivers):
    log.backup()
    other = "https://other.example.com/hook"
    receivers.failures[URL] = down(9)
    channels = (Channel("team", url=URL), Channel("other", url=other))
    tell(*channels)
    assert receivers.events(other) == ["backup_created"]
    log.failure()
    tell(*channels)
    assert receivers.events(other) == ["backup_created", "backup_failed"]
    receivers.failures.clear()
    tell(*channels)
    assert receivers.events() == ["backup_created", "backup_failed"]
    assert receivers.events(other) == ["backup_created", "backup_failed"]


def test_a_failure_in_the_middle_goes_on_there(log, tell, receivers):
    log.backup()
    log.failure()
    log.add("retention", facts={"changed": True})
    receivers.failures[URL] = []
    original = delivery.webhook.post

    def second_fails(address, body, headers, **rest):
        if len(receivers.heard) == 1 and not receivers.failures.get("done"):
            raise Undelivered("It went down.", final=True)
        original(address, body, headers, **rest)

    delivery.webhook.post = second_fails
    tell()
    assert receivers.events() == ["backup_created"]
    receivers.failures["done"] = [True]
    tell()
    assert receivers.events() == ["backup_created", "backup_failed", "retention_applied"]


def test_much_to_catch_up_with_is_one_message(log, tell, receivers):
    tell()
    for _each in range(notice_body.MOST_PARTS):
        log.backup()
    log.failure()
    tell()
    assert receivers.events() == ["summary"]
    body = receivers.heard[0][1]
    assert body["counts"] == {"backup_created": notice_body.MOST_PARTS, "backup_failed": 1}
    assert body["severity"] == "critical"
    tell()
    assert receivers.events() == ["summary"]


def test_a_machine_is_told_of_each_of_many_databases(log, tell, receivers):
    tell()
    for number in range(20):
        log.backup(component=f"main/db{number}")
    tell(Channel("team", url=URL, format="json_short"))
    assert receivers.events() == ["backup_created"] * 20


def test_people_are_told_of_many_databases_in_one_message(log, tell, receivers):
    tell()
    for number in range(20):
        log.backup(component=f"main/db{number}")
    tell(Channel("team", url="slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"))
    ((_url, subject),) = receivers.heard
    assert subject == "[lifeboat] shop on db1: 20 events"


def test_a_repetition_of_a_summary_is_told_by_its_delivery(log, tell, receivers, clock, monkeypatch):
    tell()
    for _each in range(notice_body.MOST_PARTS + 1):
        log.backup()
    with monkeypatch.context() as killed:
        killed.setattr(notice_memory.Memory, "note", lambda _memory: None)
        tell()
    clock.sleep(3600)
    tell()
    first, second = (body["delivery"] for _url, body in receivers.heard)
    assert first == second


def test_a_slow_receiver_has_its_turn_and_no_more(log, tell, receivers, clock, monkeypatch):
    tell()
    for _each in range(50):
        log.backup()
    quick = delivery.webhook.post

    def slow(*given, **named):
        clock.sleep(9)
        quick(*given, **named)

    monkeypatch.setattr(delivery.webhook, "post", slow)
    outcome = tell()
    assert 5 < len(receivers.heard) < 20
    assert "are sent by the next run" in outcome.facts["failed_channels"][0]["error"]
    monkeypatch.setattr(delivery.webhook, "post", quick)
    assert tell().facts["failed_channels"] == []
    assert receivers.events() == ["backup_created"] * 50


def test_a_summary_is_of_what_the_channel_listens_to(log, tell, receivers):
    channel = Channel("team", url=URL, minimum_severity="critical")
    tell(channel)
    for _each in range(notice_body.MOST_PARTS + 1):
        log.backup()
    log.failure()
    tell(channel)
    assert receivers.events() == ["backup_failed"]


def test_check_mode_sends_nothing_and_says_what_it_would(log, tell, receivers):
    log.backup()
    outcome = tell(dry_run=True, ping=Ping("success", url="https://ping.example.com/abcdefgh"))
    assert receivers.heard == []
    assert outcome.changed
    (would,) = outcome.facts["would_send"]
    assert would["subject"].endswith("backup of main/shop created (8.8 MiB, 42 s)")
    assert "Rows: 1,234" in would["message"]
    assert outcome.after == f"team: {would['subject']}\n"
    assert outcome.facts["sent"] == []
    assert log.entries("notification") == []
    assert not os.path.exists(os.path.join(log.state_dir, "notifications.json"))
    tell()
    assert receivers.events() == ["backup_created"]


def test_check_mode_tells_of_a_channel_that_cannot_work(log, tell, tmp_path):
    outcome = tell(Channel("team", url_file=str(tmp_path / "none")), dry_run=True)
    assert "No such file" in outcome.facts["failed_channels"][0]["error"]


def test_another_application_has_its_own_place(log, tell, receivers):
    log.backup(application="shop")
    log.backup(application="blog")
    tell(application="shop")
    tell(application="blog")
    tell(application="shop")
    assert [body["application"] for _url, body in receivers.heard] == ["shop", "blog"]


def test_what_concerns_the_whole_host_is_told_to_each_application(log, tell, receivers):
    log.add("key", application="", message="Made.")
    tell(application="shop")
    tell(application="blog")
    tell(application="shop")
    assert receivers.events() == ["key_changed", "key_changed"]


def test_an_event_of_the_caller_is_told_at_once_even_without_a_memory(tell, receivers, clock):
    notice = Notification(event="recovery_started", at=clock.moment, severity="warning", message="Off we go.")
    tell(notice=notice, state_dir=None)
    tell(notice=notice, state_dir=None)
    assert receivers.events() == ["recovery_started", "recovery_started"]
    tell(Channel("team", url=URL, events=("backup_*",)), notice=notice)
    assert receivers.events() == ["recovery_started", "recovery_started"]


def test_a_failure_that_nobody_logged_is_told_and_one_that_was_logged_is_told_once(log, tell, receivers, clock):
    failed = Notification(event="backup_failed", at=clock.moment, severity="critical", message="See the job's output.")
    tell()
    tell(notice=failed, unless_logged=True)
    assert [body["error"] for _url, body in receivers.heard] == ["See the job's output."]
    log.failure("The disk is full.")
    tell(notice=failed, unless_logged=True)
    assert [body["error"] for _url, body in receivers.heard[1:]] == ["The disk is full."]
    log.add("verification", "failed")
    log.backup()
    tell(notice=failed, unless_logged=True)
    assert receivers.events()[2:] == ["verification_failed", "backup_created", "backup_failed"]


def test_a_restore_that_was_refused_is_no_failure_besides(log, tell, receivers, clock):
    log.add("restore", "refused", message="The confirmation is wrong.")
    tell(notice=Notification(event="restore_failed", at=clock.moment, severity="critical"), unless_logged=True)
    assert receivers.events() == ["restore_refused"]


def test_a_ping_of_a_failure_that_nobody_logged_says_so(log, tell, receivers, clock):
    log.failure("This was another job.")
    failed = Notification(
        event="retention_failed", at=clock.moment, severity="critical", message="See the job's output."
    )
    tell(ping=Ping("fail", url="https://p.example.com/abc"), notice=failed, unless_logged=True)
    assert receivers.heard[0][1][1].startswith("See the job's output.")


def test_an_event_without_history_leaves_the_history_to_the_next_run(log, tell, receivers, clock):
    tell(notice=Notification(event="test", at=clock.moment, severity="info"), history=False)
    log.failure(ago=86400)
    log.backup()
    tell()
    assert receivers.events() == ["test", "backup_created"]


def test_an_alarm_is_told_once_again_after_a_day_and_when_it_is_over(tell, receivers, clock):
    disk = Alarm("disk", "The store is 85 % full.", "warning", "Apply the retention policy.")
    tell(alarms=(disk,))
    tell(alarms=(disk,))
    assert receivers.events() == ["alarm_raised"]
    assert receivers.heard[0][1]["message"] == "The store is 85 % full."
    assert receivers.heard[0][1]["type"] == "alarm_event"
    # A job that comes once a day comes some seconds earlier on some days.
    clock.sleep(86400 - 90)
    tell(alarms=(disk,))
    assert receivers.events() == ["alarm_raised"] * 2
    tell()  # nobody looked
    assert receivers.events() == ["alarm_raised"] * 2
    tell(alarms=())
    tell(alarms=())
    assert receivers.events() == ["alarm_raised"] * 2 + ["alarm_cleared"]


def test_an_alarm_that_becomes_worse_is_told_at_once(tell, receivers):
    tell(alarms=(Alarm("disk", "The store is 81 % full.", "warning"),))
    tell(alarms=(Alarm("disk", "The store is 99 % full.", "critical"),))
    tell(alarms=(Alarm("disk", "The store is 98 % full.", "critical"),))
    tell(alarms=(Alarm("disk", "The store is 90 % full.", "warning"),))
    assert [body["severity"] for _url, body in receivers.heard] == ["warning", "critical"]


def test_an_alarm_of_something_more_is_told_at_once(tell, receivers):
    tell(alarms=(Alarm("age", "shop is old.", about=("main/shop",)),))
    tell(alarms=(Alarm("age", "shop and blog are old.", about=("main/blog", "main/shop")),))
    tell(alarms=(Alarm("age", "blog is old.", about=("main/blog",)),))
    tell(alarms=(Alarm("age", "shop and blog are old.", about=("main/blog", "main/shop")),))
    assert [body["message"] for _url, body in receivers.heard] == [
        "shop is old.",
        "shop and blog are old.",
        "shop and blog are old.",
    ]


def test_an_alarm_that_could_not_be_looked_at_is_not_over(tell, receivers):
    tell(alarms=(Alarm("age", "Old."), Alarm("disk", "Full.")))
    tell(alarms=(Alarm("store", "Not reached."),), over=("disk",))
    assert receivers.events() == ["alarm_raised"] * 3 + ["alarm_cleared"]
    assert receivers.heard[-1][1]["facts"] == {"alarm": "disk"}
    tell(alarms=(), over=("store",))
    tell(alarms=(), over=None)
    assert receivers.events()[4:] == ["alarm_cleared"] * 2


def test_who_was_told_of_an_alarm_is_told_of_its_end_and_nobody_else(tell, receivers):
    other = "https://other.example.com/hook"
    channels = (
        Channel("team", url=URL, minimum_severity="critical"),
        Channel("other", url=other, events=("backup_*",)),
    )
    tell(*channels, alarms=(Alarm("age", "No restore-tested backup in 48 h."),))
    tell(*channels, alarms=())
    assert receivers.events() == ["alarm_raised", "alarm_cleared"]
    assert receivers.events(other) == []


def test_an_alarm_that_could_not_be_told_is_told_later(tell, receivers):
    alarm = Alarm("age", "No restore-tested backup in 48 h.")
    receivers.failures[URL] = down(3)
    tell(alarms=(alarm,))
    tell(alarms=(alarm,))
    assert receivers.events() == ["alarm_raised"]


def test_a_log_that_was_cut_is_said_and_does_not_silence_the_channel(log, tell, receivers):
    for _each in range(4):
        log.backup()
    tell()
    os.unlink(os.path.join(log.state_dir, "audit.jsonl"))
    log.failure()
    outcome = tell()
    assert any("it was truncated" in warning for warning in outcome.warnings)
    assert receivers.events()[-1] == "backup_failed"


def kept(**told):
    return json.dumps(
        {"format": "lifeboat-notifications/1", "channels": {"team": {"sequence": 0, "alarms": {}, **told}}}
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1]",
        "[" * 100_000,
        '{"format": "other"}',
        '{"format": "lifeboat-notifications/1"}',
        kept(sequence=1e999),
        kept(alarms={"age": "yesterday"}),
        kept(alarms={"age": {"at": "yesterday", "severity": "critical", "about": []}}),
        kept(alarms={"age": {"at": "2022-01-20T10:00:00", "severity": "critical", "about": []}}),
        kept(alarms={"age": {"at": "2022-01-20T10:00:00+00:00", "severity": "loud", "about": []}}),
    ],
)
def test_a_damaged_memory_begins_anew_with_a_warning(log, tell, receivers, text):
    log.backup()
    with open(os.path.join(log.state_dir, "notifications.json"), "w", encoding="utf-8") as file:
        file.write(text)
    outcome = tell(alarms=(Alarm("age", "Old."),))
    assert any("is corrupted" in warning for warning in outcome.warnings)
    assert receivers.events() == ["backup_created", "alarm_raised"]
    assert tell().warnings == ()


def test_two_runs_at_once_do_not_tell_twice(log, tell, receivers, clock):
    log.backup()
    notice = Notification(event="test", at=clock.moment, severity="info")
    handle = os.open(os.path.join(log.state_dir, "notifications.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    outcome = tell(notice=notice)
    assert receivers.events() == ["test"]
    assert any("not sent now" in warning for warning in outcome.warnings)
    # Longer than another run is held up by a few receivers that hang.
    assert 150 < sum(clock.pauses) < 200
    os.close(handle)
    tell()
    assert receivers.events() == ["test", "backup_created"]


def test_a_ping_alone_waits_for_nobody(log, tell_nobody, receivers, clock):
    handle = os.open(os.path.join(log.state_dir, "notifications.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    outcome = tell_nobody(ping=Ping("start", url="https://p.example.com/abc"))
    os.close(handle)
    assert receivers.heard == [("https://p.example.com/abc", ("start", ""))]
    assert (clock.pauses, outcome.warnings) == ([], ())


def test_a_state_directory_that_is_not_there_is_said(tell, tmp_path):
    outcome = tell(state_dir=str(tmp_path / "none"))
    assert "is not a directory" in outcome.warnings[0]
    assert tell(state_dir=None).warnings == ()


def test_a_log_that_cannot_be_read_does_not_keep_a_ping_back(log, tell, receivers, monkeypatch):
    def refuse(*_given, **_named):
        raise StoreError("The disk is broken.")

    monkeypatch.setattr(notify.audit.AuditLog, "entries", refuse)
    outcome = tell(ping=Ping("success", url="https://p.example.com/abc"))
    assert receivers.heard == [("https://p.example.com/abc", ("success", ""))]
    assert any("The disk is broken." in warning for warning in outcome.warnings)
    outcome = tell(ping=Ping("fail", url="https://p.example.com/abc"))
    assert receivers.heard[1:] == [("https://p.example.com/abc", ("fail", ""))]
    assert outcome.facts["ping"]["error"] == ""


def test_names_of_tables_are_told_only_where_they_are_asked_for(log, tell, receivers):
    entry = log.backup()
    log.failure("permission denied for table customers.")
    figures = {"application": "shop", "component": "main/shop", "backup_id": entry.backup_id, "scope": "full"}
    figures |= {"reason": "manual", "finished": entry.time, "size": 1, "plain_size": 1, "tables": {"public.a": 3}}
    with open(os.path.join(log.state_dir, "statistics.jsonl"), "w", encoding="utf-8") as file:
        file.write(json.dumps(figures) + "\n")
    other = "https://other.example.com/hook"
    tell(Channel("team", url=URL), Channel("other", url=other, tables=True))
    told = {url: [body for place, body in receivers.heard if place == url] for url in (URL, other)}
    assert [body.get("tables") for body in told[URL]] == [[], None]
    assert told[URL][1]["error"] == "permission denied for table …."
    assert told[other][0]["tables"] == ["public.a"]
    assert told[other][1]["error"] == "permission denied for table customers."


def test_a_ping_of_failure_says_what_failed(log, tell, receivers):
    log.failure("permission denied for table customers.")
    outcome = tell(Channel("team", url=URL, events=("restore_*",)), ping=Ping("fail", url="https://p.example.com/abc"))
    url, (signal, message) = receivers.heard[0]
    assert (url, signal) == ("https://p.example.com/abc", "fail")
    assert message.startswith("permission denied for table ….\n")
    assert outcome.facts["ping"] == {"signal": "fail", "target": "https://p.example.com/***", "error": ""}


def test_a_ping_that_does_not_arrive_is_a_warning(tell, receivers, log):
    url = "https://p.example.com/abcdefghij"
    receivers.failures[url] = [Undelivered(f"Down: {url}", final=True)]
    outcome = tell(ping=Ping("success", url=url))
    assert outcome.facts["ping"]["error"] == "Down: ***"
    assert any("ping" in warning for warning in outcome.warnings)
    assert [entry.result for entry in log.entries("notification")] == ["failed"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"channels": (Channel("a", url=URL), Channel("a", url=URL))}, "channels.name"),
        ({"channels": (Channel("../a", url=URL),)}, "channels.name"),
        ({"channels": (Channel("a", url=URL, events=("backup_done",)),)}, "channels.a.events"),
        ({"channels": (Channel("a", url=URL, format="xml"),)}, "channels"),
        ({"ping": Ping("pause", url=URL)}, "ping"),
        ({"patience": Patience(attempts=0)}, None),
        ({"patience": Patience(timeout=0)}, None),
        ({"alarms": (Alarm("age", "Old."), Alarm("age", "Very old."))}, "alarms"),
    ],
)
def test_what_can_never_work_is_refused(clock, changes, field):
    with pytest.raises(UsageError) as caught:
        notify.notify(NotifyRequest(**changes), clock.world())
    assert caught.value.details.get("field") == field


def test_a_json_body_for_something_that_is_no_web_address_is_said(log, tell):
    log.backup()
    outcome = tell(Channel("team", url="mailto://localhost?to=a@example.com", format="json"))
    assert "http or https URL" in outcome.facts["failed_channels"][0]["error"]


def test_what_root_makes_belongs_to_the_owner_of_the_directory(log, tell):
    os.chown(log.state_dir, 65534, 65534)
    log.backup()
    tell()
    for name in ("notifications.json", "notifications.lock"):
        state = os.stat(os.path.join(log.state_dir, name))
        assert (state.st_uid, state.st_mode & 0o777) == (65534, 0o600)


def test_the_time_of_an_alarm_is_kept_over_runs(tell, log, clock):
    tell(alarms=(Alarm("age", "Old."),))
    memory = notice_memory.Memory(log.state_dir)
    with memory.held(clock.sleep, dry_run=True):
        assert memory.channels["team"].alarms["age"] == notice_memory.Raised(clock.moment, "critical")
