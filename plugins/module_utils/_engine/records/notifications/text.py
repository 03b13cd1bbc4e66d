# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notices in words, for people: a short subject, sizes and times as people read them, and what to do next."""

from __future__ import annotations

import collections
import typing as t

from ...ground.printing import printable
from ...ground.units import human_duration, human_size

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from .notification import Notification

LONGEST_SUBJECT = 120
MOST_LINES = 10
"""Urgent events that a summary lists one by one."""


def subject(notice: Notification) -> str:
    """Return one short line: what, of whom, and how much of it."""
    headline = notice.kind.headline.format(notice.subject)
    if notice.parts:
        urgent = sum(part.urgent for part in notice.parts)
        headline = f"{len(notice.parts)} events" + (f", {urgent} URGENT" if urgent else "")
    size = notice.facts.get("size")
    if not notice.failure and isinstance(size, int) and size:
        headline += f" ({human_size(size)}" + (f", {human_duration(notice.seconds)})" if notice.seconds else ")")
    owner = " on ".join(filter(None, (notice.application, notice.host)))
    line = printable(f"[lifeboat] {owner}: {headline}" if owner else f"[lifeboat] {headline}")
    return line if len(line) <= LONGEST_SUBJECT else line[: LONGEST_SUBJECT - 1] + "…"


def text(notice: Notification) -> str:
    """Return the message."""
    blocks = [printable(notice.message)] if notice.message else []
    if notice.parts:
        blocks.append("\n".join(_summary(notice.parts)))
    if listed := [f"{label}: {value}" for label, value in _facts(notice)]:
        blocks.append("\n".join(listed))
    if notice.remedy:
        blocks.append(f"What to do next: {printable(notice.remedy)}")
    if notice.escalation:
        blocks.append("\n".join(map(printable, notice.escalation)))
    return "\n\n".join(blocks)


def markdown(notice: Notification) -> str:
    """Return the message in Markdown; what others named stands in code, where no letter of it means anything else."""
    blocks = [_code(printable(notice.message))] if notice.message else []
    if notice.parts:
        blocks.append("\n".join(f"- {_code(line)}" for line in _summary(notice.parts)))
    if listed := [f"- **{label}:** {_code(value)}" for label, value in _facts(notice)]:
        blocks.append("\n".join(listed))
    if notice.remedy:
        blocks.append(f"**What to do next:** {printable(notice.remedy)}")
    if notice.escalation:
        blocks.append("\n".join(f"- {_code(printable(line))}" for line in notice.escalation))
    return "\n\n".join(blocks)


def _facts(notice: Notification) -> Iterable[tuple[str, str]]:
    facts = notice.facts
    told = (
        ("Component", notice.component),
        ("Backup", notice.backup_id),
        ("Size", _size(facts.get("size"))),
        ("Unpacked", _size(facts.get("plain_size"))),
        ("Rows", _count(facts.get("rows"))),
        ("Deleted", _count(facts.get("deleted"))),
        ("Freed", _size(facts.get("freed"))),
        ("Kept", _count(facts.get("kept"))),
        ("Kept by a lock", _count(facts.get("retained"))),
        ("Tables", ", ".join(notice.tables)),
        ("Took", human_duration(notice.seconds) if notice.seconds else ""),
        ("Reason", notice.reason),
        ("Ticket", str(notice.facts.get("ticket", ""))),
        ("Status page", str(notice.facts.get("status_page", ""))),
        ("Emergency backup", str(notice.facts.get("emergency_backup_id", ""))),
        ("Host", notice.host),
        ("Time", f"{notice.at:%Y-%m-%d %H:%M:%S} UTC"),
    )
    return ((label, printable(value)) for label, value in told if value)


def _size(value: object) -> str:
    return human_size(value) if isinstance(value, int) and value else ""


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


def _summary(parts: tuple[Notification, ...]) -> Iterable[str]:
    counts = collections.Counter(part.event for part in parts)
    yield from (f"{count} x {event.replace('_', ' ')}" for event, count in counts.most_common())
    urgent = [part for part in parts if part.urgent]
    for part in urgent[-MOST_LINES:]:
        yield printable(f"{part.at:%m-%d %H:%M} {part.kind.headline.format(part.subject)}: {part.message}")
    if len(urgent) > MOST_LINES:
        yield f"and {len(urgent) - MOST_LINES} earlier ones"


def _code(value: str) -> str:
    return "`" + value.replace("`", "'") + "`"
