# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
All that a host remembers: the name of each file, what it holds, and the format that it says it has.

Files in `.jsonl` are journals, one JSON object a line. Whoever keeps something asks here for its path; a test holds the
roles and docs/install.md to this page.
"""

from __future__ import annotations

import dataclasses
import os

DIRECTORY = "/var/lib/lifeboat"
"""Where a host remembers unless `lifeboat_state_dir` says otherwise."""


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """A file of the host: its name below a directory, with words in braces where there are several of its kind."""

    name: str
    holds: str
    format: str = ""

    def below(self, directory: str | None, **words: str) -> str | None:
        """Return its path; None where the directory is none, so that nothing is kept and nothing is known."""
        return self.path(directory, **words) if directory and os.path.isdir(directory) else None

    def path(self, directory: str, **words: str) -> str:
        """Return its path, whether its directory is there or not."""
        return os.path.join(directory, self.name.format(**words))

    def leaf(self, **words: str) -> str:
        """Return its name in the folder that holds all of its kind."""
        return os.path.basename(self.name).format(**words)

    def folder(self, directory: str) -> str:
        """Return the directory that holds all of its kind."""
        return os.path.join(directory, os.path.dirname(self.name))


AUDIT = Kept("audit.jsonl", "every operation and how it ended, each entry sealed to the one before it")
RECEIPTS = Kept("receipts.jsonl", "the backups that this host made")
EXPIRED = Kept("expired.jsonl", "the backups that retention let go")
MARKS = Kept("marks.jsonl", "the marks that protect backups, as they were seen last")
TRUST = Kept("trust-{application}@{store}.serial", "the number of the newest trust file that was seen in a store")
DATABASES = Kept("databases.jsonl", "which databases a server had when it was last asked")
STATISTICS = Kept("statistics.jsonl", "the figures of each backup that anomalies are looked for in")
REREAD = Kept("reread.jsonl", "the stored files that this host read again since they were written")
RESTORES = Kept("restores.jsonl", "the restores that this host made")
HALF_MADE = Kept("half_made.jsonl", "the databases that a restore began, and whether it ended")
NOTIFICATIONS = Kept("notifications.json", "what each channel was told", "lifeboat-notifications/1")
NOTIFICATIONS_LOCK = Kept("notifications.lock", "held by who sends notifications")
ARCHIVE = Kept("archives/{path}.json", "what an encrypted archive was made of, as hashes", "lifeboat-archive/1")
STATUS = Kept("status/{operation}-{subject}.json", "how far a run is, or how it ended", "lifeboat-status/1")
LOCK = Kept("locks/{name}.lock", "held by a job of the schedule while it runs")
METRICS = Kept("metrics/{application}.prom", "the metrics, as node_exporter reads them")
PAGE = Kept("metrics/{application}.html", "the status page")

SETTINGS = Kept("host.json", "the settings of this host, for its own tools", "lifeboat-host/1")
SCHEDULE = Kept("schedule.json", "the jobs of this host", "lifeboat-schedule/1")
LOAN = Kept("loans/{run}.loan", "what is lent to a restore, locked while its lender lives")
LOAN_SOCKET = Kept("loans/{run}.sock", "where a restore asks for what is lent")
LOANS_LOCK = Kept("loans/ledger.lock", "held by who lends or takes back")

CONFIG = (SETTINGS, SCHEDULE, LOAN, LOAN_SOCKET, LOANS_LOCK)
"""What lies below `lifeboat_config_dir`; all else lies below `lifeboat_state_dir`."""
