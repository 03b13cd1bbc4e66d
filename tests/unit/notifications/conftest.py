# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The audit log's entries and a world that stands still, for what is told about them."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit

NOW = datetime.datetime(2022, 1, 20, 10, 0, tzinfo=datetime.UTC)
BACKUP = "backup-20220120T100000Z-a1b2c3d4e5f60718"


class Log:
    """An audit log on the disk, written as modules write it."""

    def __init__(self, state_dir):
        self.state_dir = str(state_dir)
        self._log = audit.AuditLog(self.state_dir)

    def add(self, operation="backup", result="ok", *, ago=0, **changes):
        given = {"application": "shop", "component": "main/shop", "host": "db1", "user": "lifeboat", **changes}
        at = NOW - datetime.timedelta(seconds=ago)
        return self._log.append(audit.Event(time=at, operation=operation, result=result, **given))

    def backup(self, **changes):
        facts = {"size": 9_206_497, "plain_size": 47_521_464, "rows": 1234, "changed": True}
        return self.add(backup_id=BACKUP, seconds=42.0, message="Stored.", facts=facts, reason="scheduled", **changes)

    def failure(self, message="Connection timeout", **changes):
        return self.add(result="failed", message=message, facts={"changed": False}, seconds=2.0, **changes)

    def entries(self, operation=None):
        return [entry for entry in self._log.entries() if operation in (None, entry.operation)]


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path)


class Clock:
    """A world whose time passes only in pauses, and the pauses that were made."""

    def __init__(self):
        self.pauses = []
        self.moment = NOW

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.moment += datetime.timedelta(seconds=seconds)

    def world(self, *, dry_run=False, environ=None):
        return World(now=lambda: self.moment, sleep=self.sleep, environ=environ or {}, dry_run=dry_run)


@pytest.fixture
def clock():
    return Clock()
