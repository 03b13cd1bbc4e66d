# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A job of the schedule that comes every few minutes: the launcher does it itself, without a playbook.

What it said last time is not said again: a log of hundreds of lines a day that are all alike is read by nobody, and
neither is as much mail.
"""

from __future__ import annotations

import dataclasses
import sys
import typing as t

from ...ground.errors import RecoveryError
from ...records.schedule import jobs
from ..wal import beating
from . import locks

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...records.schedule.jobs import Job, Places
    from .job_log import Log


@dataclasses.dataclass
class Light:
    """One run of such a job. It is alone by the lock of its own name, and needs no other."""

    config_dir: str
    places: Places
    job: Job
    log: Log

    def run(self) -> int:
        """Do it, and return the exit status: that tells each time what is said once."""
        try:
            said, status = self._done(), 0
        except RecoveryError as exc:
            said, status = f"failed: {exc}", exc.exit_code
        line = f"lifeboat-run: {self.job.name}: {' '.join(said.split())}"
        if line != self.log.last:
            self.log.write(line)
            if status:
                sys.stderr.write(f"{line}\nThis is said once, until it changes. The log is {self.log.path}.\n")
        return status

    def _done(self) -> str:
        jobs.check_on(self.config_dir)
        with locks.only(locks.folder(self.places.state_dir), self.job.name, self.log.now()):
            return _WORK[self.job.kind](self.config_dir)


_WORK: Mapping[str, Callable[[str], str]] = {"heartbeat": beating.beat}
