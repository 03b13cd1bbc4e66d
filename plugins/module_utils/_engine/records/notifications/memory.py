# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What each channel was told already, in `<state_dir>/notifications.json`: how far in the audit log, and which alarms.

One run at a time works with it. A run that dies after a message and before its note repeats that message next time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import typing as t

from ...ground import disk, journal
from ...ground.host_state import NOTIFICATIONS, NOTIFICATIONS_LOCK
from .notification import SEVERITIES

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT = 16 << 20

NEVER = -1
"""The place in the audit log of a channel that was told nothing of it yet."""

PATIENCE = 3600
"""Steps that a run waits for another one: three minutes, in which a few receivers that hang are given up."""


@dataclasses.dataclass(frozen=True, slots=True)
class Raised:
    """An alarm as it was told at that time, of those of the things it is `about` that are wrong still."""

    at: datetime.datetime
    severity: str
    about: tuple[str, ...] = ()


@dataclasses.dataclass(slots=True)
class DeliveryState:
    """What one channel was told: entries up to `sequence`, and alarms by name."""

    sequence: int = NEVER
    alarms: dict[str, Raised] = dataclasses.field(default_factory=dict)


class Memory:
    """
    The channels of a host. Without a directory nothing is kept; `path` is None then.

    `damaged` says that the file could not be understood: all channels are new ones then, rather than silent ones.
    """

    def __init__(self, state_dir: str | None) -> None:
        self.path = NOTIFICATIONS.below(state_dir)
        self._lock = NOTIFICATIONS_LOCK.path(state_dir or "")
        self.channels: dict[str, DeliveryState] = {}
        self.damaged = False
        self._written = ""

    @contextlib.contextmanager
    def held(self, sleep: Callable[[float], None], *, dry_run: bool) -> Iterator[None]:
        """Read, alone until the end. Raise Busy when another run takes too long, StoreError when the disk refuses."""
        if self.path is None:
            yield
            return
        if dry_run:
            self._read()
            yield
            return
        with disk.explained(self._lock):
            handle = journal.locked(self._lock, sleep, PATIENCE)
        with disk.closing(handle):
            self._read()
            yield

    def note(self) -> None:
        """Write what the channels were told, durably. Raise StoreError when the disk refuses."""
        if self.path is None:
            return
        channels = {name: dataclasses.asdict(told) for name, told in sorted(self.channels.items())}
        text = json.dumps({"format": NOTIFICATIONS.format, "channels": channels}, indent=1, default=str) + "\n"
        if text == self._written:
            return
        disk.write_atomically(self.path, [text.encode()], shared=True)
        self._written = text

    def _read(self) -> None:
        path = self.path or ""
        if not os.path.exists(path):
            return
        try:
            record = json.loads(b"".join(disk.read_blocks(path, length=LIMIT)))
            if record["format"] != NOTIFICATIONS.format:
                raise ValueError(record["format"])
            self.channels = {str(name): _state(item) for name, item in record["channels"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            self.channels, self.damaged = {}, True


def _state(item: dict[str, t.Any]) -> DeliveryState:
    return DeliveryState(int(item["sequence"]), {str(name): _raised(alarm) for name, alarm in item["alarms"].items()})


def _raised(item: dict[str, t.Any]) -> Raised:
    at = datetime.datetime.fromisoformat(item["at"])
    if at.tzinfo is None or item["severity"] not in SEVERITIES:
        raise ValueError(item)
    return Raised(at, item["severity"], tuple(map(str, item["about"])))
