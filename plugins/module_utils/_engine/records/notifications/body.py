# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notices as JSON bodies: the whole one, and a short one of the few fields that simple receivers know."""

from __future__ import annotations

import collections
import datetime
import json
import typing as t

from ...ground.verbs import EVENTS

if t.TYPE_CHECKING:
    from .notification import Notification

MOST_PARTS = 100
"""Events whose bodies a summary carries, the newest ones; how many there were stands beside them."""


def encode(notice: Notification, *, short: bool) -> bytes:
    """Return the body byte for byte."""
    body = _short(notice) if short else _whole(notice)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")


def bus_name(event: str) -> str:
    """Return the name that an event has on an application's event bus."""
    return EVENTS[event].bus or f"system:{event.replace('_', '-')}"


def timestamp(at: datetime.datetime) -> str:
    """Return a time such as 2022-01-20T10:00:00.000Z."""
    return at.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _type(notice: Notification) -> str:
    return f"{notice.kind.group}_{'failure' if notice.failure else 'event'}"


def _short(notice: Notification) -> dict[str, t.Any]:
    body: dict[str, t.Any] = {"type": _type(notice)}
    if notice.event != "backup_failed":
        body["event"] = notice.event
    if notice.event == "backup_created":
        body |= {"backupId": notice.backup_id, **_content(notice)}
    else:
        body |= {"backupId": notice.backup_id} if notice.backup_id and not notice.failure else {}
        body |= {"error" if notice.failure else "message": notice.message}
    return body | {"timestamp": timestamp(notice.at)}


def _whole(notice: Notification) -> dict[str, t.Any]:
    body: dict[str, t.Any] = {
        "type": _type(notice),
        "event": notice.event,
        "name": bus_name(notice.event),
        "severity": notice.severity,
        "timestamp": timestamp(notice.at),
        "application": notice.application,
        "component": notice.component,
        "host": notice.host,
        "message": notice.message,
    }
    if notice.failure:
        body["error"] = notice.message
    body |= {"remedy": notice.remedy} if notice.remedy else {}
    body |= {"escalation": list(notice.escalation)} if notice.escalation else {}
    body |= {"backupId": notice.backup_id} if notice.backup_id else {}
    body |= _content(notice) if notice.event == "backup_created" or notice.tables else {}
    body |= {"reason": notice.reason} if notice.reason else {}
    body |= {"seconds": notice.seconds} if notice.seconds else {}
    body |= {"facts": dict(notice.facts)} if notice.facts else {}
    if notice.parts:
        body["counts"] = dict(collections.Counter(part.event for part in notice.parts))
        body["events"] = [_whole(part) for part in notice.parts[-MOST_PARTS:]]
    return body | {"delivery": notice.delivery}


def _content(notice: Notification) -> dict[str, t.Any]:
    return {"tables": list(notice.tables), "recordCount": notice.facts.get("rows")}
