# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module s3_retention as a task runs it: what it does, what check mode does not, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
from ansible.module_utils import _internal
from ansible.module_utils.testing import patch_module_args
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.modules import s3_retention
from bucket_fixtures import APPLICATION, allowing, back_up, manifests

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bucket_fixtures import Place

NOW = datetime.now(UTC).replace(microsecond=0)
POLICY = {"keep_within": "20d", "min_keep": 1, "max_delete_share": 100}


@dataclasses.dataclass
class Task:
    """Runs the module in this process, as Ansible does in one of its own."""

    place: Place
    key_file: str
    state_dir: str
    capsys: t.Any
    monkeypatch: pytest.MonkeyPatch

    def run(self, *, check: bool = False, store: dict[str, t.Any] | None = None, **options: t.Any) -> dict[str, t.Any]:
        settings = {key: value for key, value in dataclasses.asdict(self.place.settings()).items() if value is not None}
        given = {
            "application": APPLICATION,
            "store": {**settings, **(store or {})},
            "keys": {"recovery_key_file": self.key_file},
            "state_dir": self.state_dir,
            **options,
        }
        # The backups of these tests claim to be older than the bucket, as in a copy.
        given |= {"replica": True} if "policy" in options else {}
        with self.monkeypatch.context() as patched:
            for name in [name for name in os.environ if name.startswith(("AWS_", "BACKUP_"))]:
                patched.delenv(name)
            # Other tests of this process may be Ansible's controller, whose modules hand warnings to the screen.
            patched.setattr(_internal, "is_controller", False)
            arguments = {**given, "_ansible_check_mode": check, "_ansible_diff": True}
            with patch_module_args(arguments), pytest.raises(SystemExit):
                s3_retention.main()
        result: dict[str, t.Any] = json.loads(self.capsys.readouterr().out)
        return result


@pytest.fixture
def task(
    place: Place, key_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Task:
    state = tmp_path / "state"
    state.mkdir()
    return Task(place, key_file, str(state), capsys, monkeypatch)


def test_a_policy_removes_every_version_of_what_it_lets_go(place: Place, task: Task) -> None:
    place.guard(create=True, versioning=True)
    old, young = back_up(place, NOW - timedelta(days=40), members=2), back_up(place, NOW - timedelta(days=1))
    before = place.state()
    planned = task.run(check=True, policy=POLICY)
    assert planned["changed"], planned
    assert place.state() == before
    done = task.run(policy=POLICY)
    assert done["changed"], done
    assert done["diff"] == planned["diff"]
    assert (done["deleted"], done["retained"], done["kept"]) == (1, 0, 1)
    assert manifests(place) == [young]
    left = [(key, marker) for key, _version, marker in place.versions() if old in key]
    assert left, "the expired mark says why the rest is gone"
    assert all("/marks/" in key and not marker for key, marker in left)
    again = task.run(policy=POLICY)
    assert not again["changed"], again
    assert again["deleted"] == 0


def test_a_locked_backup_is_retained_and_whole(locked: Place, task: Task) -> None:
    old, young = back_up(locked, NOW - timedelta(days=40)), back_up(locked, NOW - timedelta(days=1))
    before, locks = locked.versions(), locked.locks()
    done = task.run(policy=POLICY)
    assert "failed" not in done, done
    assert (done["deleted"], done["retained"], done["kept"]) == (0, 1, 1)
    actions = {decision["backup_id"]: decision["action"] for decision in done["decisions"]}
    assert actions == {old: "retained", young: "keep"}
    after = [version for version in locked.versions() if "/locks/" not in version[0]]
    assert after == before
    assert {version: locked.locks()[version] for version in locks} == locks
    assert sorted(manifests(locked)) == sorted([old, young])


def test_a_lock_shorter_than_the_promise_is_warned_of(locked: Place, task: Task) -> None:
    back_up(locked, NOW)
    done = task.run(policy={**POLICY, "yearly": "forever"})
    assert done["lock"] == {"lock_days": 1, "promised_days": 20.0, "longest_days": None}
    assert "for 1 day, and the policy keeps every backup for 20 days" in str(done["warnings"])


def test_everything_in_one_task_in_its_order(place: Place, task: Task) -> None:
    declared = {"create": True, "object_lock": {"mode": "compliance", "days": 1}, "abort_multipart_days": 2}
    before = place.state()
    planned = task.run(check=True, bucket=declared, prove_immutability=True)
    assert planned["changed"]
    assert place.state() == before == {}
    done = task.run(bucket=declared, prove_immutability=True)
    assert done["diff"] == planned["diff"]
    assert done["bucket"] == planned["bucket"]
    assert done["proved"] is True
    assert "protected as declared" not in done["summary"]
    again = task.run(bucket=declared, prove_immutability=True)
    assert not again["changed"]
    assert "diff" not in again
    assert again["summary"].startswith(f"The bucket {place.name} is protected as declared.")


def test_a_guard_that_does_not_hold_stops_before_anything_is_deleted(place: Place, task: Task) -> None:
    place.guard(create=True, versioning=True)
    back_up(place, NOW - timedelta(days=40))
    back_up(place, NOW)
    before = manifests(place)
    failed = task.run(policy=POLICY, prove_immutability=True)
    assert failed["failed"]
    assert "does not lock new objects" in failed["msg"]
    assert place.name in failed["msg"]
    assert manifests(place) == before


def test_hidden_backups_are_said_in_every_run(place: Place, task: Task) -> None:
    place.guard(create=True, versioning=True)
    identity = back_up(place, NOW)
    factory.open_store(place.settings(), environ={}).delete(f"shop/manifests/main/shop/{identity}.json")
    done = task.run(bucket={"versioning": True})
    assert not done["changed"]
    assert done["covered_count"] == 1
    assert "1 hidden" in str(done["warnings"])
    back = task.run(bring_back=True)
    assert back["changed"]
    assert back["brought_back"] == [f"shop/manifests/main/shop/{identity}.json"]
    assert manifests(place) == [identity]
    assert not task.run(bring_back=True)["changed"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "policy"),
        ({"policy": {}}, "policy"),
        ({"policy": {"dayly": 3}}, "policy.dayly"),
        ({"policy": {"daily": "3 fortnights"}}, "policy.daily"),
        ({"bucket": {"object_lock": {"mode": "governance", "days": 0}}}, "bucket.object_lock.days"),
        ({"bucket": {"noncurrent_days": -1}}, "bucket.noncurrent_days"),
        ({"bucket": {"transitions": [{"storage_class": "cold", "days": 3}]}}, "bucket.transitions[0].storage_class"),
        ({"bucket": {"create": False}}, "bucket.create"),
        ({"policy": POLICY, "garbage_age": "1 fortnight"}, "garbage_age"),
        ({"application": "No!", "bucket": {}}, "application"),
        ({"prove_immutability": True, "store": {"url": "file:///tmp"}}, "store.url"),
    ],
)
def test_bad_input_is_refused_by_its_name(place: Place, task: Task, options: dict[str, t.Any], field: str) -> None:
    result = task.run(**options)
    assert result["failed"]
    assert (result["error"], result["field"]) == ("UsageError", field), result["msg"]
    assert place.state() == {}


def test_what_cannot_be_reached_is_said_and_nothing_is_deleted(
    place: Place, task: Task, user: Callable[..., str]
) -> None:
    place.guard(create=True, versioning=True)
    back_up(place, NOW - timedelta(days=40))
    back_up(place, NOW)
    before = place.versions()
    with socket.create_server(("127.0.0.1", 0)) as server:
        unused = f"http://127.0.0.1:{server.getsockname()[1]}"
    missing = {"url": "s3://lifeboat-no-such-bucket/pre"}
    stranger = {"credentials_file": user(allowing(place, "s3:ListAllMyBuckets"))}
    for store, error, cause in (
        (missing, "StoreError", "bucket does not exist"),
        (stranger, "AccessDenied", "Allow these credentials s3:"),
    ):
        failed = task.run(store=store, policy=POLICY)
        assert failed["failed"], failed
        assert (failed["error"], cause in failed["msg"]) == (error, True), failed["msg"]
    impatient = factory.Patience(connect=1, request=2, retries=0, retrying=1)
    task.monkeypatch.setattr(factory, "Patience", lambda: impatient)
    failed = task.run(store={"endpoint": unused}, policy=POLICY)
    assert failed["failed"]
    assert "nothing listens there" in failed["msg"]
    assert place.versions() == before
