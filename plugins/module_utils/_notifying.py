# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The options of module notify: its channels, an event and alarms of the caller's, and the ping.

This file is private to the collection. A test holds it and the doc fragment of the same name together.
"""

from __future__ import annotations

import datetime
import os
import typing as t

from ._argspec import ArgumentSpec
from ._engine.ground import redaction
from ._engine.ground.errors import UsageError
from ._engine.ground.event_types import SUMMARY
from ._engine.ground.verbs import EVENTS
from ._engine.records.audit.log import one_line
from ._engine.records.notifications.channels import FORMATS, Channel
from ._engine.records.notifications.notification import SEVERITIES, Notification
from ._engine.records.notifications.pending import Alarm
from ._engine.records.notifications.request import Ping

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ._argspec import Options
    from ._module import Given


def options() -> ArgumentSpec:
    """Return the channels, what to send to them, and the ping."""
    severity: dict[str, t.Any] = {"type": "str", "choices": list(SEVERITIES)}
    place: Options = {"url": {"type": "str", "no_log": True}, "url_file": {"type": "path"}}
    channel: Options = {
        "name": {"type": "str", "required": True},
        **place,
        "events": {"type": "list", "elements": "str", "default": ["all"]},
        "minimum_severity": severity | {"default": "info"},
        "format": {"type": "str", "choices": list(FORMATS), "default": "auto"},
        "tables": {"type": "bool", "default": False},
        "ca_cert": {"type": "path"},
        "hmac_key_file": {"type": "path", "no_log": False},
        "bearer_token_file": {"type": "path", "no_log": False},
    }
    event: Options = {
        "name": {"type": "str", "required": True},
        "text": {"type": "str"},
        "remedy": {"type": "str"},
        "severity": severity,
        "component": {"type": "str"},
        "backup_id": {"type": "str"},
        "tables": {"type": "list", "elements": "str"},
        "rows": {"type": "int"},
        "unless_logged": {"type": "bool", "default": False},
    }
    alarm: Options = {
        "name": {"type": "str", "required": True},
        "text": {"type": "str", "required": True},
        "severity": severity | {"default": "critical"},
        "remedy": {"type": "str", "default": ""},
    }
    pinged: Options = {
        "name": {"type": "str", "default": "job"},
        **place,
        "signal": {"type": "str", "choices": ["start", "success", "fail"], "required": True},
        "text": {"type": "str", "default": ""},
    }
    return ArgumentSpec(
        {
            "channels": {"type": "list", "elements": "dict", "default": [], "options": channel},
            "event": {"type": "dict", "options": event},
            "alarms": {"type": "list", "elements": "dict", "options": alarm},
            "checks": {"type": "list", "elements": "dict"},
            "ping": {"type": "dict", "options": pinged},
            "url_dir": {"type": "path", "default": "/etc/lifeboat/keys"},
        },
        mutually_exclusive=[("alarms", "checks")],
    )


def channels(given: Given) -> tuple[Channel, ...]:
    """Return the channels. What one of them leaves out is the common choice."""
    return tuple(
        Channel(**{"ca_cert": given["ca_cert"], **_place(given, "notify", record), "events": tuple(record["events"])})
        for record in given.records("channels")
    )


def notice(given: Given, host: str) -> Notification | None:
    """Return the caller's own event, None without one. Raise UsageError when there is no such event."""
    event = given["event"]
    if event is None:
        return None
    kind = EVENTS.get(event["name"])
    if kind is None or kind is SUMMARY:
        names = ", ".join(sorted(EVENTS.keys() - {SUMMARY.name}))
        raise UsageError(f"There is no event {event['name']!r}.", f"Use one of {names}.", field="event.name")
    return Notification(
        event=event["name"],
        at=datetime.datetime.now(datetime.UTC),
        severity=event["severity"] or kind.severity,
        application=given["application"] or "",
        component=one_line(event["component"] or ""),
        backup_id=one_line(event["backup_id"] or ""),
        host=host,
        message=one_line(event["text"] or ""),
        remedy=one_line(event["remedy"] or kind.remedy),
        facts={} if event["rows"] is None else {"rows": event["rows"]},
        tables=tuple(event["tables"] or ()),
    )


def alarms(given: Given) -> tuple[Alarm, ...] | None:
    """Return the alarms of this moment, None when nobody looked."""
    if given["checks"] is not None:
        return tuple(_of_checks(given["checks"]))
    if given["alarms"] is None:
        return None
    return tuple(
        Alarm(
            name=one_line(record["name"]),
            message=one_line(record["text"]),
            severity=record["severity"],
            remedy=one_line(record["remedy"]),
        )
        for record in given.records("alarms")
    )


def _of_checks(checks: list[dict[str, t.Any]]) -> Iterator[Alarm]:
    """Yield one alarm for each check that is not in order; the doctor gives the worst first, and may give several."""
    found: dict[str, list[dict[str, t.Any]]] = {}
    for check in checks:
        if check.get("result") != "ok":
            found.setdefault(one_line(str(check.get("name"))), []).append(check)
    for name, several in found.items():
        worst = several[0]
        causes = " ".join(str(check.get("cause", "")) for check in several)
        without = " ".join(map(_redacted, several))
        redacted = one_line(without) if without != causes else ""
        severity = "critical" if worst.get("result") == "failed" else "warning"
        about = tuple(sorted({_about(check) for check in several}))
        yield Alarm(name, one_line(causes), severity, one_line(str(worst.get("remedy", ""))), about, redacted)


def _redacted(check: dict[str, t.Any]) -> str:
    names = (check.get("facts") or {}).get("objects") or ()
    return redaction.without(str(check.get("cause", "")), map(str, names))


def _about(check: dict[str, t.Any]) -> str:
    """Return which of several things a check is about; its cause would not do, because it tells ages and sizes."""
    facts = check.get("facts") or {}
    return one_line(" ".join(str(facts[key]) for key in ("operation", "component", "job") if facts.get(key)))


def over(given: Given) -> tuple[str, ...] | None:
    """
    Return the alarms that are known to be over, None when all are that are no more.

    A check that failed may have kept the doctor from making others: what these said before is not over.
    """
    checks = given["checks"]
    if checks is None or all(check.get("result") != "failed" for check in checks):
        return None
    return tuple(one_line(str(check.get("name"))) for check in checks if check.get("result") == "ok")


def ping(given: Given) -> Ping | None:
    """Return the ping, None without one."""
    if not given["ping"]:
        return None
    record = _place(given, "ping", given["ping"])
    return Ping(record["signal"], record["name"], record["url"], record["url_file"], record["text"])


def _place(given: Given, kind: str, record: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the options of a channel or a ping with the file of its URL, unless they name one or the URL itself."""
    if record.get("url") or record.get("url_file"):
        return record
    return {**record, "url_file": os.path.join(given["url_dir"], f"{kind}-{record['name']}.url")}
