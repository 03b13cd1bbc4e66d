# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Retention on a real S3 server: killed by SIGKILL at any of its steps, beside an upload, and by many at once."""

from __future__ import annotations

import datetime
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine import repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.catalogue import catalogue, manifest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.crypto import seals
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.crypto.keys import RecoveryKey
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.keys.custody import KeySettings
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.retention import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.stores.opening import open_store

VICTIM = Path(__file__).with_name("retention_victim.py")
KILLS = int(os.environ.get("LIFEBOAT_RETENTION_KILLS", "3"))
POLICY = {"keep_within": "30d", "min_keep": 1}
DAY = datetime.timedelta(days=1)


class Place:
    """An application's backups in a bucket, and the module's options."""

    def __init__(self, s3, home):
        self.home = home
        self.prefix = f"retention-{secrets.token_hex(4)}"
        self.key = RecoveryKey.generate()
        self.key_file = home / "recovery.key"
        self.key_file.write_text(self.key.hex)
        self.key_file.chmod(0o600)
        store = s3.settings(self.prefix)
        self.settings = catalogue.RepositorySettings("shop", store, KeySettings(recovery_key_hex=self.key.hex))
        self.store = open_store(store, environ={})
        self.options = {
            "application": "shop",
            "store": {"url": store.url, "endpoint": store.endpoint, "credentials_file": store.credentials_file},
            "keys": {"recovery_key_file": str(self.key_file)},
            "policy": POLICY,
            "force": True,
            "replica": True,  # the test's backups are of many days, and the bucket takes them all today
            "garbage_age": "0",
            "lock_timeout": "0",
            "state_dir": str(home / "state"),
        }
        self.now = datetime.datetime.now(datetime.UTC)

    def world(self):
        return World(now=lambda: datetime.datetime.now(datetime.UTC), sleep=threading.Event().wait, environ={})

    def request(self, **changes):
        given = {"force": True, "replica": True, "garbage_age": 0.0, **changes}
        return prune.PruneRequest(self.settings, POLICY, **given)

    def make(self, days):
        finished = self.now - days * DAY
        identity = repository.backup_id(finished, secrets.token_hex(8))
        names = {
            "0001": repository.member("shop", identity, 1),
            "detail": repository.detail("shop", identity, "detail"),
        }
        files = tuple(manifest.File(name, member, 1, 9, "0" * 64, "0" * 64, 9) for member, name in names.items())
        record = manifest.Manifest(
            "shop",
            identity,
            "main/shop",
            "logical",
            "full",
            "scheduled",
            "counts",
            finished,
            finished,
            {},
            (),
            (),
            files,
        )
        for name in names.values():
            self.store.put(name, [b"x" * 9])
        envelope = seals.seal_record("manifest", record.payload(), [self.key.root])
        self.store.put_new(repository.manifest("shop", "main/shop", identity), envelope)
        return identity

    def run(self, at=None):
        """Run the module in a process; give its exit status, result and number of changes."""
        path, steps = self.home / "settings.json", self.home / "steps"
        path.write_text(json.dumps({"options": self.options, "at": at, "steps": str(steps)}))
        done = subprocess.run([sys.executable, str(VICTIM), str(path)], capture_output=True, text=True, check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout else None, steps

    def listed(self):
        opened = catalogue.open_repository(self.settings, self.world())
        found = {backup.manifest.backup_id for backup in opened.backups()}
        assert [anomaly for anomaly in opened.anomalies if anomaly.kind == "incomplete"] == []
        return found

    def files(self):
        return [info.name for part in ("data", "details") for info in self.store.list(f"shop/{part}/")]


@pytest.fixture
def place(s3, tmp_path):
    return Place(s3, tmp_path)


def test_a_run_that_is_killed_leaves_nothing_listed_that_is_broken(place):
    stays = {place.make(0), place.make(1)}
    place.make(40)
    status, result, steps = place.run()
    assert status == 0, result
    assert result["deleted"] == 1
    changes = int(steps.read_text())
    chance = random.Random(7)
    for at in sorted(chance.sample(range(2, changes + 1), min(KILLS, changes - 1))):
        gone = place.make(40 + at)
        status, _result, _steps = place.run(at)
        assert status == -signal.SIGKILL
        assert stays <= place.listed() <= {*stays, gone}
        status, result, _steps = place.run()
        assert status == 0, result
        assert place.listed() == stays
        assert not [name for name in place.files() if gone in name]


def test_an_upload_that_is_under_way_is_not_touched(place):
    """A backup of days whose members lie in the store already, and whose manifest does not."""
    place.make(0)
    identity = repository.backup_id(place.now - 3 * DAY, secrets.token_hex(8))
    name = repository.member("shop", identity, 1)
    place.store.put(name, [b"x" * 9])
    done = prune.prune(place.request(garbage_age=86400.0), place.world())
    assert done.facts["garbage"] == 0
    assert name in place.files()


def test_two_runs_at_once_do_the_work_once(place):
    stays = {place.make(0), place.make(1)}
    for days in range(40, 46):
        place.make(days)
    outcomes = []

    def run():
        outcomes.append(prune.prune(place.request(lock_timeout=60.0), place.world()).facts["deleted"])

    runners = [threading.Thread(target=run) for _number in range(2)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    assert sorted(outcomes) == [0, 6]
    assert place.listed() == stays
