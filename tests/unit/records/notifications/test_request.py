# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task's options become what the engine is asked for, and nothing of a URL leaves through them."""

from __future__ import annotations

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lifeboat.recovery.plugins.module_utils._argspec import contacts, requested_by, state_dir
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications.channels import Channel
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications.pending import Alarm
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.notifications.request import (
    NotifyRequest,
    Ping,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._module import Given
from ansible_collections.lifeboat.recovery.plugins.module_utils._notifying import options
from ansible_collections.lifeboat.recovery.plugins.modules import notify


def ask(**given):
    spec = notify.SPEC.merge(options(), requested_by(), state_dir(), contacts())
    checked = ArgumentSpecValidator(spec.options).validate(given)
    assert checked.error_messages == []
    return notify.request(Given(checked.validated_parameters, {}))


def test_what_is_left_out_is_the_engines_default():
    request, default = ask(), NotifyRequest()
    for name in NotifyRequest.__dataclass_fields__:
        if name not in {"host", "user"}:
            assert getattr(request, name) == getattr(default, name), name
    assert request.host
    assert request.user
    (channel,) = ask(channels=[{"name": "a"}]).channels
    assert channel == Channel("a", url_file="/etc/lifeboat/keys/notify-a.url")


def test_options_become_fields():
    request = ask(
        channels=[{"name": "a", "url": "https://a/b", "events": ["backup_*"], "ca_cert": "/c"}, {"name": "b"}],
        ca_cert="/ca",
        url_dir="/keys",
        timeout="1m",
        attempts=5,
        lookback="1h",
        remind_after="2d",
        alarms=[{"name": "x", "text": "two\nlines"}],
        ping={"name": "backup", "signal": "start"},
        requested_by="ann",
    )
    first, second = request.channels
    assert (first.url, first.url_file, first.events, first.ca_cert) == ("https://a/b", None, ("backup_*",), "/c")
    assert (second.url_file, second.ca_cert) == ("/keys/notify-b.url", "/ca")
    assert (request.patience.attempts, request.patience.timeout) == (5, 60.0)
    assert (request.lookback, request.remind_after, request.user) == (3600.0, 172800.0, "ann")
    assert [(alarm.name, alarm.message, alarm.severity) for alarm in request.alarms] == [("x", "two lines", "critical")]
    assert request.ping == Ping("start", "backup", url_file="/keys/ping-backup.url")
    assert ask(alarms=[]).alarms == ()


def test_an_event_of_the_callers():
    notice = ask(
        application="shop",
        event={"name": "backup_failed", "text": "a\nb", "component": "main/shop", "tables": ["t"], "rows": 5},
    ).notice
    assert (notice.event, notice.severity, notice.application) == ("backup_failed", "critical", "shop")
    assert (notice.message, notice.tables, notice.facts) == ("a b", ("t",), {"rows": 5})
    assert notice.remedy
    assert ask(event={"name": "alarm_raised", "severity": "warning"}).notice.severity == "warning"
    assert not ask(event={"name": "test"}).unless_logged
    assert ask(event={"name": "backup_failed", "unless_logged": True}).unless_logged


@pytest.mark.parametrize("name", ["backup_done", "summary"])
def test_an_event_that_there_is_not_is_refused(name):
    with pytest.raises(UsageError, match="recovery_started"):
        ask(event={"name": name})


def test_what_the_doctor_finds_becomes_alarms():
    checks = [
        {
            "name": "backup_age",
            "result": "failed",
            "cause": "main/shop is old.",
            "remedy": "Back up.",
            "facts": {"a": 1},
        },
        {"name": "backup_age", "result": "warning", "cause": "main/blog is, too.", "remedy": ""},
        {"name": "storage", "result": "warning", "cause": "81 % are used.", "remedy": "Apply retention."},
        {"name": "keys", "result": "ok", "cause": "Fine.", "remedy": ""},
    ]
    checks[1]["facts"] = {"component": "main/blog", "seconds": 5}
    assert ask(checks=checks).alarms == (
        Alarm("backup_age", "main/shop is old. main/blog is, too.", "critical", "Back up.", ("", "main/blog")),
        Alarm("storage", "81 % are used.", "warning", "Apply retention.", ("",)),
    )
    assert ask(checks=[checks[3]]).alarms == ()


def test_what_the_doctor_could_not_look_at_is_not_over():
    fine, old = {"name": "keys", "result": "ok"}, {"name": "storage", "result": "warning", "cause": "81 % are used."}
    down = {"name": "store", "result": "failed", "cause": "Not reached."}
    assert ask(checks=[old, fine]).over is None
    assert ask(checks=[down, old, fine]).over == ("keys",)
    assert ask(alarms=[]).over is None


def test_a_url_is_no_part_of_any_repr():
    request = ask(
        channels=[{"name": "a", "url": "https://a/sesame"}], ping={"signal": "start", "url": "https://a/sesame"}
    )
    assert "sesame" not in repr(request)
