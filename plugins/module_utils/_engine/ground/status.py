# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What the status files of long operations say, in words: for `lifeboat status` and for the lines of a running task.

A status file may come from another host, and its line is shown in somebody's terminal: nothing in it is believed to
be of the right type, and no control character of it is passed on.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import typing as t
import urllib.parse

from .host_state import STATUS
from .printing import printable
from .units import human_duration, human_list, human_rate, human_size, point_in_time

LIMIT = 4 << 20
"""Bytes of a status file that are read: thousands of members, and an end to what a stranger put there."""

SILENCE = 120.0
"""Seconds without a write after which a running operation is shown with the time of its last word."""


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One stream of an operation, in bytes; `expected` is 0 when nobody knows."""

    name: str
    done: int
    expected: int
    state: str


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """
    How far an operation is. `result` is empty while it runs, then `ok` or `failed`.

    `unit` is what its members are where they are counted for people, such as `databases`.
    """

    operation: str
    subject: str
    phase: str
    started: datetime.datetime
    updated: datetime.datetime
    pid: int
    members: tuple[Member, ...]
    done: int
    expected: int
    result: str
    unit: str = ""

    @property
    def seconds(self) -> float:
        """How long it has run, or did run, by the clock of its own host."""
        return max((self.updated - self.started).total_seconds(), 0.0)

    @property
    def title(self) -> str:
        """What it is, such as `backup of shop`; the cluster is named unless it is the usual one."""
        return f"{self.operation} of {self.subject.removeprefix('main/')}"

    @property
    def run(self) -> tuple[int, datetime.datetime]:
        """What tells this run from another one of the same operation."""
        return self.pid, self.started


def parse(data: bytes | str) -> Status | None:
    """Return the status in the content of a status file, or None when it is none."""
    try:
        record = json.loads(data)
        if not isinstance(record, dict) or record.get("format") != STATUS.format:
            return None
        return Status(
            operation=_text(record["operation"]),
            subject=_text(urllib.parse.unquote(str(record["subject"]))),
            phase=_text(record["phase"]),
            started=_time(record["started"]),
            updated=_time(record["updated"]),
            pid=_count(record["pid"]),
            members=tuple(_member(member) for member in record["members"]),
            done=_count(record["done"]),
            expected=_count(record["expected"]),
            result=_text(record["result"] or ""),
            unit=_text(record.get("unit", "")),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def read(path: str) -> Status | None:
    """Return the status in a file, or None when there is none."""
    try:
        with open(path, "rb") as file:
            return parse(file.read(LIMIT))
    except OSError:
        # It may have been replaced or removed since the listing.
        return None


def read_all(directory: str) -> list[Status]:
    """Return every status in `directory`, running ones first, then the newest first. Without a directory, none."""
    found = [read(os.path.join(directory, name)) for name in _names(directory)]
    statuses = [status for status in found if status is not None]
    statuses.sort(key=lambda status: status.updated, reverse=True)
    return sorted(statuses, key=lambda status: bool(status.result))


def of_host(state_dir: str | None) -> list[Status]:
    """Return every status that a host keeps, as `read_all`."""
    return read_all(STATUS.folder(state_dir)) if state_dir else []


SOONEST = 5.0
"""Seconds before which a rate says nothing about the rest."""

SMALLEST_SHARE = 0.05

MOST_NAMED = 4
"""Names in a line, which is to be read at once."""


def line(status: Status, previous: Status | None = None) -> str:
    """
    Return one line about an operation that runs, such as
    `backup of shop: 1.2 GiB of about 5.0 GiB, 210 MiB/s, about 18 s left (member 3 of 14)`.

    Of several databases it is `backup of main: 12 of 50 databases, 3.1 GiB of about 9.4 GiB, 110 MiB/s, running: a, b`.
    With a `previous` status of the same run the rate is the one since then.
    """
    parts = [*_counted(status), _amount(status)]
    rate = _rate(status, previous)
    if rate > 0:
        parts.append(human_rate(rate))
    left = _seconds_left(status)
    if left is not None:
        parts.append(f"about {human_duration(left)} left")
    return f"{status.title}: {', '.join(filter(None, parts))}{_place(status)}"


def report(statuses: list[Status], now: datetime.datetime) -> str:
    """Return what `lifeboat status` prints: an operation each, and below a running one its open members."""
    if not statuses:
        return "No operation has run on this host yet.\n"
    lines: list[str] = []
    for status in statuses:
        lines.append(_ended(status, now) if status.result else line(status) + _silence(status, now))
        if not status.result and not status.unit:  # those that are counted have a line of their own
            lines += [f"  {_member_line(member)}" for member in status.members if member.state != "done"]
    return "\n".join(lines) + "\n"


def to_json(statuses: list[Status]) -> str:
    """Return the statuses as a JSON list: times as ISO 8601, bytes, and seconds left (null when nobody knows)."""
    records = []
    for status in statuses:
        record = dataclasses.asdict(status)
        record |= {"started": status.started.isoformat(), "updated": status.updated.isoformat()}
        record |= {"bytes_per_second": round(_rate(status, None)), "seconds_left": _seconds_left(status)}
        records.append(record)
    return json.dumps(records, indent=2) + "\n"


def _counted(status: Status) -> list[str]:
    if not status.unit:
        return []
    done = sum(member.state == "done" for member in status.members)
    return [f"{done} of {len(status.members)} {status.unit}"]


def _is_estimate(status: Status) -> bool:
    """Whether what is expected is about all that will come: not where the size of something is not known."""
    unknown = status.unit and any(member.state != "done" and not member.expected for member in status.members)
    return status.expected >= max(status.done, 1) and not unknown


def _amount(status: Status) -> str:
    if not status.done and (status.unit or not status.expected):
        return "" if status.unit else status.phase
    if not _is_estimate(status):
        # The estimate was too small: to repeat it would only look wrong.
        return human_size(status.done)
    return f"{human_size(status.done)} of about {human_size(status.expected)}"


def _rate(status: Status, previous: Status | None) -> float:
    """Return bytes a second since `previous`, or since the start."""
    if previous is not None and previous.run == status.run:
        seconds = (status.updated - previous.updated).total_seconds()
        if seconds >= 1 and status.done >= previous.done:
            return (status.done - previous.done) / seconds
    return status.done / status.seconds if status.seconds >= 1 else 0.0


def _seconds_left(status: Status) -> float | None:
    """
    Return an estimate by the average so far, which jumps less than the rate of the last seconds.

    What went before the first bytes, and the first bytes alone, say nothing about the rest.
    """
    average = _rate(status, None)
    if status.result or average <= 0 or status.expected <= status.done or not _is_estimate(status):
        return None
    if status.seconds < SOONEST or status.done < status.expected * SMALLEST_SHARE:
        return None
    return round((status.expected - status.done) / average, 1)


def _place(status: Status) -> str:
    if status.unit:
        running = [member.name for member in status.members if member.state == "running"]
        return f", running: {human_list(running, MOST_NAMED)}" if running else ""
    begun = sum(member.state != "waiting" for member in status.members)
    # Without members that wait, nobody knows how many there will be.
    if 0 < begun < len(status.members):
        return f" (member {begun} of {len(status.members)})"
    return "" if _amount(status) == status.phase or status.phase in {"", "start"} else f" ({status.phase})"


def _ended(status: Status, now: datetime.datetime) -> str:
    how = "done" if status.result == "ok" else "FAILED"
    amount = f"{human_size(status.done)} in " if status.done else "after "
    ago = max((now - status.updated).total_seconds(), 0.0)
    return f"{status.title}: {how}, {amount}{human_duration(status.seconds)}, {human_duration(ago)} ago"


def _silence(status: Status, now: datetime.datetime) -> str:
    silent = (now - status.updated).total_seconds()
    return f", silent for {human_duration(silent)}" if silent > SILENCE else ""


def _member_line(member: Member) -> str:
    of = f" of about {human_size(member.expected)}" if member.expected >= member.done > 0 else ""
    return f"{member.name}: {human_size(member.done)}{of}" if member.done else f"{member.name}: {member.state}"


def _names(directory: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(directory) if name.endswith(".json"))
    except OSError:
        return []


def _member(record: dict[str, t.Any]) -> Member:
    return Member(_text(record["name"]), _count(record["done"]), _count(record["expected"]), _text(record["state"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return printable(value[:200])


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise TypeError(value)
    return value


def _time(value: object) -> datetime.datetime:
    if (at := point_in_time(value)) is None:
        raise ValueError(value)
    return at.astimezone(datetime.UTC)
