# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
All that a host remembers: the name of each file, what it holds, and the format that it says it has.

Files in `.jsonl` are journals, one JSON object a line. Whoever keeps something asks here for its path; a test holds the
roles and docs/install.md to this page.
"""

from __future__ import annotations

import os

DIRECTORY = "/var/lib/lifeboat"
"""Where a host remembers unless `lifeboat_state_dir` says otherwise."""


class StateFile:
    """A file of the host: its name below a directory, with words in braces where there are several of its kind."""

    # No dataclass: a server waits for programs that need a name of this page and nothing else.
    __slots__ = ("format", "holds", "name")

    def __init__(self, name: str, holds: str, format: str = "") -> None:  # noqa: A002 - as the files call it
        self.name = name
        self.holds = holds
        self.format = format

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


AUDIT = StateFile("audit.jsonl", "every operation and its result, each entry chained to the one before it")
RECEIPTS = StateFile("receipts.jsonl", "the backups that this host made")
EXPIRED = StateFile("expired.jsonl", "the backups that retention deleted")
MARKS = StateFile("marks.jsonl", "the marks that protect backups, as last seen")
TRUST = StateFile("trust-{application}@{store}.serial", "the serial of the newest trust file seen in a store")
KIT = StateFile("kit-{application}@{store}.serial", "the serial of the newest recovery kit seen in a store")
DATABASES = StateFile("databases.jsonl", "the databases of a server when it was last asked")
STATISTICS = StateFile("statistics.jsonl", "the figures of each backup, in which anomalies are detected")
REREAD = StateFile("reread.jsonl", "the stored files that this host has verified since they were written")
RESTORES = StateFile("restores.jsonl", "the restores that this host made")
RECOVERIES = StateFile("recoveries/{application}/{recovery_id}.jsonl", "the events of a recovery that ran here")
DRILLS = StateFile("drills/{application}/{recovery_id}.jsonl", "the events of a drill that ran here")
RECOVERY_TRUST = StateFile(
    "recoveries/{application}/trust/{serial}.json", "the trust file, for a recovery whose store cannot be reached"
)
OVERTAKEN = StateFile("overtaken.jsonl", "events of recoveries that count for nothing: another run was faster")
RECOVERIES_LOCK = StateFile("recoveries.lock", "locked while a recovery is opened")
RECOVERED = StateFile(
    "recovered-{cluster}.json", "what the last recovery of a server to a moment came to", "lifeboat-recovered/1"
)
STAGING_DATABASES = StateFile("staging_databases.jsonl", "the staging databases that restores created")
NOTIFICATIONS = StateFile("notifications.json", "what was sent to each channel", "lifeboat-notifications/1")
NOTIFICATIONS_LOCK = StateFile("notifications.lock", "locked while notifications are sent")
ARCHIVE = StateFile("archives/{path}.json", "the content of an encrypted archive, as hashes", "lifeboat-archive/1")
STATUS = StateFile("status/{operation}-{subject}.json", "the progress of a run, or its result", "lifeboat-status/1")
LOCK = StateFile("locks/{name}.lock", "locked while a job of the schedule runs")
WAL_NOTE = StateFile("wal/{cluster}/{file}.ok", "a WAL file that is stored before the server asks for it")
WAL_LOCK = StateFile("wal/{cluster}/push.lock", "locked while WAL is stored")
WAL_TRUST = StateFile("wal/{cluster}/trust.json", "the newest trust file that was seen when WAL was stored")
COPY = StateFile(
    "physical/{cluster}/{application}@{store}/{backup_id}.manifest", "PostgreSQL's manifest of the last physical backup"
)
WAL_RECEIVED = StateFile("wal/{cluster}/received/{file}", "WAL that was streamed, until it is stored")
WAL_STREAM_LOCK = StateFile("wal/{cluster}/stream.lock", "locked while WAL is streamed")
WAL_LISTED = StateFile(
    "logs-{application}@{store}.json", "which WAL was listed in a store, and when", "lifeboat-logs/1"
)
METRICS = StateFile("metrics/{application}.prom", "the metrics, as node_exporter reads them")
PAGE = StateFile("metrics/{application}.html", "the status page")

SETTINGS = StateFile("host.json", "the settings of this host, for its own tools", "lifeboat-host/1")
SCHEDULE = StateFile("schedule.json", "the jobs of this host", "lifeboat-schedule/1")
SCHEDULE_OFF = StateFile("schedule.off", "there while the schedule of this host is off")
LOAN = StateFile("loans/{run}.loan", "what is lent to a restore, locked while it is lent")
LOAN_SOCKET = StateFile("loans/{run}.sock", "where a restore asks for what is lent")
LOANS_LOCK = StateFile("loans/ledger.lock", "locked while something is lent or taken back")
WAL_SETTINGS = StateFile("wal/{cluster}/wal.json", "where the WAL of a cluster is stored", "lifeboat-wal/1")

CONFIG = (SETTINGS, SCHEDULE, SCHEDULE_OFF, LOAN, LOAN_SOCKET, LOANS_LOCK, WAL_SETTINGS)
"""What lies below `lifeboat_config_dir`; all else lies below `lifeboat_state_dir`."""
