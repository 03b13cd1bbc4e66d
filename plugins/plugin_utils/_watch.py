# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Looks at a job on a host until it ends, and says how far it is.

This file is private to the collection.
"""

from __future__ import annotations

import dataclasses
import json
import time
import typing as t

from ansible.errors import AnsibleConnectionFailure

from ..module_utils._engine.ground import status

FIRST_LINE = 3.0
"""Seconds to the first line: soon enough to see that the work began, and nothing for work that is done by then."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
"""Seconds between two looks: the first follow quickly, so that short work ends at once."""

ALIVE_AFTER = 30.0
"""Seconds without a change of the status after which the job's processes are looked for."""

GIVE_UP = 600.0
"""Seconds without a connection after which the host counts as unreachable."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A started module: its id and its file on the host, and the status file that it keeps."""

    identity: str
    file: str
    status_file: str
    stale: status.Status | None


class Host(t.Protocol):
    """What a watch asks of the action plugin, which has the connection."""

    def poll(self, job: Job) -> tuple[bool, status.Status | None]:
        """Return whether the job runs, as its file says, and its status."""

    def is_alive(self, job: Job) -> bool:
        """Return whether processes of the job are there."""

    def say(self, text: str) -> None:
        """Show a line."""

    def waiting(self, seconds: float) -> str:
        """Return the line for work that left no status."""

    def reconnect(self) -> None:
        """Drop a connection that broke."""


class Watch:
    """Looks at a job until it ends, and says how far it is."""

    def __init__(self, host: Host, job: Job, interval: float) -> None:
        self._host = host
        self._job = job
        self._interval = interval
        self._began = time.monotonic()
        self._next_line = self._began + min(FIRST_LINE, interval)
        self._heard = self._began
        self._contact = self._began
        self._latest: status.Status | None = None
        self._shown: status.Status | None = None
        self._apologised = False

    def until_end(self) -> str:
        """Return when the job has ended: an empty text when there is a result, else what became of it."""
        pause = SHORTEST_PAUSE
        while True:
            time.sleep(pause)
            pause = min(pause * 1.3, LONGEST_PAUSE)
            try:
                running, current = self._host.poll(self._job)
                lost = running and self._is_lost(current)
            except AnsibleConnectionFailure as exc:
                self._endure(exc)
                continue
            self._contact, self._apologised = time.monotonic(), False
            if not running:
                return ""
            if lost:
                return (
                    f"The job {self._job.identity} of this task ended without a result: it was killed, or the host "
                    "went down. Check the host's log, and run the task again."
                )
            self._show(current)

    def _is_lost(self, current: status.Status | None) -> bool:
        now = time.monotonic()
        if current != self._latest:
            self._latest, self._heard = current, now
        if now - self._heard < ALIVE_AFTER:
            return False
        self._heard = now
        # It may have ended in good order between the two looks.
        return not self._host.is_alive(self._job) and self._host.poll(self._job)[0]

    def _show(self, current: status.Status | None) -> None:
        now = time.monotonic()
        if now < self._next_line:
            return
        # From when it was due, so that looks that come late do not add up; after an outage from now.
        self._next_line = max(self._next_line + self._interval, now)
        if current is None:
            self._host.say(self._host.waiting(now - self._began))
        elif not current.result:
            self._host.say(status.line(current, self._shown))
            self._shown = current

    def _endure(self, error: AnsibleConnectionFailure) -> None:
        """Go on without a connection for a while: the job does not need one."""
        if time.monotonic() - self._contact > GIVE_UP:
            raise error
        if not self._apologised:
            self._apologised = True
            self._host.say("the connection was lost; the job continues on the host, and this task waits to reconnect")
        self._host.reconnect()


def is_running(text: str) -> bool:
    """Tell whether a job file is that of a running job. Ansible's own rule: a result has no `started`."""
    try:
        record = json.loads(text)
    except ValueError:
        # It is not there yet, or no more: whether the job lives is then the question.
        return True
    return not isinstance(record, dict) or "started" in record
