# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A store with backups of any age for retention to decide about: real records, real seals, a real directory.

Their files hold no data, which retention never reads.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import secrets
import shutil
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import seals
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import RecoveryKey
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import (
    StoreSettings,
    open_store,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune.prune import PruneRequest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue, manifest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention.policy import parse

if t.TYPE_CHECKING:
    from pathlib import Path

DAY = datetime.timedelta(days=1)
MEMBERS = ("0001", "0002", "detail")


class SampleStore:
    """One application's store in a directory, with its recovery key at hand."""

    def __init__(self, home: Path, key: RecoveryKey | None = None) -> None:
        self.home = home
        self.root = home / "store"
        self.state = home / "state"
        self.root.mkdir(exist_ok=True)
        self.state.mkdir(exist_ok=True)
        self.now = datetime.datetime.now(datetime.UTC)
        self.key = key or RecoveryKey.generate()
        self.settings = catalogue.RepositorySettings(
            "shop", StoreSettings(f"file://{self.root}"), KeySettings(recovery_key_hex=self.key.hex), str(self.state)
        )
        self.store = open_store(self.settings.store, environ={})

    def copied(self, home: Path) -> SampleStore:
        """Return another one in the empty directory `home`, with the same store and key, and the same time."""
        shutil.copytree(self.home, home, dirs_exist_ok=True)
        made = SampleStore(home, self.key)
        made.now = self.now
        return made

    def world(self, *, dry_run: bool = False, now: datetime.datetime | None = None) -> World:
        return World(now=lambda: now or self.now, sleep=_never, environ={}, dry_run=dry_run)

    def request(self, policy: dict[str, t.Any], **changes: t.Any) -> PruneRequest:
        return PruneRequest(self.settings, parse(policy), **{"force": True, "lock_timeout": 0.0, **changes})

    def opened(self) -> catalogue.Repository:
        return catalogue.open_repository(self.settings, self.world())

    def make(self, days: float, database: str = "shop", **changes: t.Any) -> str:
        """Store a backup that is so many days old, by its own word and by the files' times. Return its id."""
        finished = self.now - days * DAY
        identity = repository.backup_id(finished, secrets.token_hex(8))
        record = manifest.Manifest(
            **{
                "application": "shop",
                "backup_id": identity,
                "component": repository.component("main", database),
                "kind": "logical",
                "scope": "incremental" if "parents" in changes else "full",
                "reason": "scheduled",
                "proof": "counts",
                "started": finished,
                "finished": finished,
                "versions": {},
                "recipients": (),
                "parents": (),
                "files": tuple(_file(identity, member) for member in MEMBERS),
                **changes,
            }
        )
        for file in record.files:
            self.store.put(file.name, [b"x" * file.size])
        name = repository.manifest("shop", record.component, identity)
        self.store.put_new(name, seals.seal_record("manifest", record.payload(), [self.key.root]))
        for each in (*(file.name for file in record.files), name):
            self.age(each, days)
        return identity

    def age(self, name: str, days: float) -> None:
        """Let the store have taken an object that long ago."""
        at = (self.now - days * DAY).timestamp()
        os.utime(self.root / name, (at, at))

    def age_lock(self) -> None:
        """Let the lock of a run that died be from half an hour ago and more."""
        name = repository.lock("shop", "retention")
        if (self.root / name).exists():
            self.age(name, 0.05)

    def listed(self) -> list[str]:
        """Return the ids of the backups that a reader sees, all of them complete."""
        opened = self.opened()
        found = [backup.manifest.backup_id for backup in opened.backups()]
        broken = [problem for problem in opened.problems if problem.kind not in {"missing", "mark"}]
        assert broken == []
        return found

    def objects(self, *parts: str) -> list[str]:
        """Return the names of all objects, or of those below some parts."""
        prefixes = tuple(f"shop/{part}/" for part in parts)
        return [info.name for info in self.store.list("") if not parts or info.name.startswith(prefixes)]


def _file(identity: str, member: str) -> manifest.File:
    kind = repository.member("shop", identity, int(member)) if member.isdigit() else ""
    name = kind or repository.detail("shop", identity, member)
    return dataclasses.replace(_FILE, name=name, member=member)


def _never(seconds: float) -> None:
    raise AssertionError(f"a wait of {seconds} s")


_FILE = manifest.File("", "", 1, 100, "0" * 64, "0" * 64, 200)
