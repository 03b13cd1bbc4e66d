# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Retention on a real S3 server: killed by SIGKILL at any of its steps, beside an upload, and by many at once."""

from __future__ import annotations

import contextlib
import dataclasses
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

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "rig" / "s3"))

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import seals
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import RecoveryKey
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import open_store
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import StoreError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import World
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.list import listing
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.mark import marking
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.prune import prune
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue, manifest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.trusted_keys import (
    KeySettings,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.retention import policy
from faultproxy import Fault, FaultProxy

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
        return prune.PruneRequest(self.settings, policy.parse(POLICY), **given)

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
        assert [problem for problem in opened.problems if problem.kind == "incomplete"] == []
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


ERROR = b'<?xml version="1.0"?><Error><Code>InternalError</Code><Message>We met an error.</Message></Error>'
"""Some stores, and what stands before them, answer with status 200 and put an error into the body."""


@pytest.fixture
def proxied(place, s3):
    """Let the backups be reached through a proxy; give it."""
    host, _colon, port = s3.endpoint.removeprefix("http://").partition(":")
    with contextlib.closing(FaultProxy((host, int(port)))) as proxy:
        store = dataclasses.replace(place.settings.store, endpoint=proxy.endpoint)
        place.settings = dataclasses.replace(place.settings, store=store)
        place.options["store"]["endpoint"] = proxy.endpoint
        yield proxy


def everything(client, s3, place):
    """Return the keys and versions of all that lies in the bucket for these backups."""
    page = client.list_object_versions(Bucket=s3.bucket, Prefix=f"{place.prefix}/shop/")
    found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
    return sorted((one["Key"], one["VersionId"]) for one in found if "/locks/" not in one["Key"])


@pytest.mark.parametrize("body", [ERROR, b"<html><body>Sign in</body></html>"], ids=["error", "page"])
@pytest.mark.parametrize("of", ["", "manifests", "marks", "details"])
@pytest.mark.parametrize("times", [1 << 30, 1])
def test_what_is_no_listing_destroys_nothing(place, proxied, s3, of, body, times):
    stays = [place.make(0), place.make(35), place.make(36)]
    for identity in stays[1:]:
        marking.mark(marking.MarkRequest(place.settings, "main", "shop", identity), place.world())
    client = s3.client()
    before = everything(client, s3, place)
    where = f"^GET .*(list-type=2.*{of}|{of}.*list-type=2)"
    proxied.add(Fault(where, times=times, answer=(200, body)))
    with contextlib.suppress(StoreError) if times == 1 else pytest.raises(StoreError):
        prune.prune(place.request(garbage_age=-3600.0), place.world())
    assert proxied.struck
    assert everything(client, s3, place) == before
    if times > 1 and of in {"", "manifests"}:
        with pytest.raises(StoreError):
            listing.list_backups(listing.ListRequest(place.settings), _hours_on(place))


def _hours_on(place):
    """Return a world in which the files are too old for a backup that is under way."""
    return dataclasses.replace(place.world(), now=lambda: datetime.datetime.now(datetime.UTC) + DAY / 12)


def test_the_module_ends_with_an_error(place, proxied, s3):
    place.make(0)
    place.make(40)
    before = everything(s3.client(), s3, place)
    proxied.add(Fault("^GET .*list-type=2", answer=(200, ERROR)))
    status, result, _steps = place.run()
    assert status != 0
    assert result["failed"]
    assert everything(s3.client(), s3, place) == before


def test_a_listing_that_ends_in_an_error_is_not_taken_for_its_beginning(place, proxied):
    """The first page is right and says that more follows; in place of the second one there is an error."""
    ids = [place.make(days) for days in (3, 2, 1)]
    keys = [f"{place.prefix}/" + repository.manifest("shop", "main/shop", identity) for identity in ids]
    entry = "<Contents><Key>{}</Key><LastModified>2026-11-20T00:00:00.000Z</LastModified><Size>9</Size></Contents>"
    page = "".join(entry.format(key) for key in keys[:1])
    first = f"<ListBucketResult><IsTruncated>true</IsTruncated>{page}<NextContinuationToken>x</NextContinuationToken>"
    proxied.add(Fault("^GET .*list-type=2.*manifests", times=1, answer=(200, f"{first}</ListBucketResult>".encode())))
    proxied.add(Fault("^GET .*continuation-token=x", times=1, answer=(200, ERROR)))
    opened = catalogue.open_repository(place.settings, place.world())
    assert sorted(place_.backup_id for place_ in opened._places(None)) == sorted(ids)
    assert proxied.struck == 2


def test_a_page_in_place_of_the_answer_to_a_deletion_deletes_nothing_in_words_either(place, proxied):
    place.make(0)
    old = place.make(40)
    proxied.add(Fault(r"^POST .*\?delete", answer=(200, b"<html/>")))
    done = prune.prune(place.request(), place.world())
    assert done.facts["deleted"] == 1
    assert not [name for name in place.files() if old in name]
