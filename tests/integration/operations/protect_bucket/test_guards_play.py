# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook on a real server: guards from an administrator's machine, proofs and policies where backups are made."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.audit import log as audit
from bucket_fixtures import APPLICATION, KEY, allowing, back_up, documented, manifests
from environment import unconfigured
from playing import COLLECTIONS

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from bucket_fixtures import Place

NOW = datetime.now(UTC).replace(microsecond=0)
POLICY = {"keep_within": "20d", "min_keep": 1, "max_delete_share": 100}
GUARDS = {
    "create": True,
    "object_lock": {"mode": "governance", "days": 1},
    "transitions": [{"storage_class": "GLACIER_IR", "days": 30}],
    "noncurrent_days": 30,
}


@dataclasses.dataclass
class Hosts:
    """Hosts that are directories of this machine, and what is said to each of them."""

    home: Path
    place: Place

    def path(self, host: str, name: str) -> str:
        return str(self.home / host / name)

    def keys(self, host: str, credentials: str) -> dict[str, t.Any]:
        """Furnish a host that makes backups, as role host does, and give what is said to it."""
        keys = self.home / host / "etc" / "keys"
        keys.mkdir(parents=True)
        for name, text in (("store.credentials", Path(credentials).read_text(encoding="utf-8")), ("recovery.key", KEY)):
            (keys / name).touch(0o600)
            (keys / name).write_text(text)
        return {
            "lifeboat_user": "root",
            "lifeboat_key_mode": "single-key",
            "lifeboat_config_dir": self.path(host, "etc"),
            "lifeboat_store_credentials": {"access_key_id": "in the file above"},
        }

    def play(self, *arguments: str, **said: dict[str, t.Any]) -> subprocess.CompletedProcess[str]:
        """Run the playbook on hosts to which this is said."""
        store = {key: value for key, value in dataclasses.asdict(self.place.settings()).items() if value is not None}
        del store["credentials_file"]
        every = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "lifeboat_python": sys.executable,
            "lifeboat_application": APPLICATION,
            "lifeboat_store": store,
            "lifeboat_retention_cluster": "all",
            "lifeboat_retention_replica": True,
            "lifeboat_requested_by": "alice",
        }
        hosts = {
            host: {"lifeboat_state_dir": self.path(host, "state"), **variables} for host, variables in said.items()
        }
        inventory = self.home / "hosts.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": every}}))
        environ = unconfigured()
        environ |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
        environ["ANSIBLE_HOME"] = str(self.home / "ansible")
        program = Path(sys.executable).with_name("ansible-playbook")
        return subprocess.run(
            [program, "-i", str(inventory), "lifeboat.recovery.retention", "-e", "lifeboat_hosts=all", *arguments],
            env=environ,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def hosts(place: Place, tmp_path: Path) -> Hosts:
    return Hosts(tmp_path, place)


def recap(done: subprocess.CompletedProcess[str], host: str) -> dict[str, int]:
    [line] = re.findall(rf"^{host} +: (.*)", done.stdout, re.MULTILINE)
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line)}


def told(done: subprocess.CompletedProcess[str], host: str) -> str:
    """Return what a host said in the end: how it failed, or what it did."""
    failed = re.findall(rf"^fatal: \[{host}\]: (.*)", done.stdout, re.MULTILINE)
    if failed:
        # Where it failed, and, once everybody is told, how the host ended: with the same sentences.
        causes = [json.loads(text.partition(" => ")[2])["msg"] for text in failed]
        assert causes[1:] == causes[:1], done.stdout
        return failed[0]
    said = done.stdout.partition(": Report what was done]")[2].partition("TASK [")[0]
    [text] = re.findall(rf"^ok: \[{host}\] => (.*?)^}}", said, re.MULTILINE | re.DOTALL)
    return " ".join(text.split())


def test_an_administrator_guards_and_those_who_back_up_prove_and_prune(
    hosts: Hosts, place: Place, user: Callable[..., str]
) -> None:
    # Nothing is on the administrator's own machine but Ansible and credentials: no user of ours, no keys, no sudo.
    admin = {
        "ansible_become": False,
        "lifeboat_user": "no-such-user",
        "lifeboat_bucket": GUARDS,
        "lifeboat_bucket_credentials_file": user(documented("Guardian", place)),
    }
    ops = {
        **hosts.keys("ops1", user(documented("Writer", place))),
        "lifeboat_bucket": GUARDS,
        "lifeboat_bucket_credentials_file": admin["lifeboat_bucket_credentials_file"],
        "lifeboat_prove_immutability": True,
        "lifeboat_retention": POLICY,
        "lifeboat_retention_credentials_file": user(documented("Pruner", place)),
    }
    shown = hosts.play("--check", "--diff", admin1=admin, ops1=ops)
    assert shown.returncode == 0, shown.stdout
    assert place.state() == {}
    for line in ("+object_lock: governance, 1 day", "-object_lock: none", "+transitions: GLACIER_IR after 30 days"):
        assert line in shown.stdout
    assert "bucket: missing -> made" in told(shown, "admin1")
    assert "No policy was applied." in told(shown, "ops1")
    Path(hosts.path("admin1", "state")).mkdir(parents=True)  # who wants an audit log makes its directory
    made = hosts.play(admin1=admin)
    assert made.returncode == 0, made.stdout
    assert "WARNING" not in made.stdout + made.stderr, made.stderr
    assert recap(made, "admin1")["changed"] == 1
    assert "noncurrent_days: none -> 30 days" in told(made, "admin1")
    [entry] = audit.AuditLog(hosts.path("admin1", "state")).entries()
    assert (entry.operation, entry.user, entry.message.partition(":")[0]) == (
        "retention",
        "alice",
        f"Protection of the bucket {place.name} changed",
    )
    before = place.state()
    assert before["get_object_lock_configuration"]["ObjectLockConfiguration"]["Rule"] == {
        "DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}
    }
    old, young = back_up(place, NOW - timedelta(days=40)), back_up(place, NOW - timedelta(days=1))
    again = hosts.play("-e", "lifeboat_retention_apply=true", admin1=admin, ops1=ops)
    assert again.returncode == 0, again.stdout
    assert (recap(again, "admin1")["changed"], recap(again, "ops1")["changed"]) == (0, 0)
    said = told(again, "ops1")
    assert f"The bucket {place.name} is protected as declared." in said
    assert "can be neither deleted nor unlocked, because of the lock." in said
    assert "1 backups kept, 0 deleted, 1 retained" in said
    assert {**place.state(), "versions": []} == {**before, "versions": []}
    assert sorted(manifests(place)) == sorted([old, young])


def test_what_is_wrong_is_refused_by_its_name_and_nothing_is_deleted(
    hosts: Hosts, place: Place, user: Callable[..., str]
) -> None:
    place.guard(create=True, versioning=True)
    back_up(place, NOW - timedelta(days=40))
    back_up(place, NOW)
    directory = {"lifeboat_user": "root", "lifeboat_store": {"url": f"file://{hosts.home}"}}
    owner = hosts.keys("unlocked", place.s3.credentials_file)
    before, versions = place.state(), manifests(place)
    done = hosts.play(
        "-e",
        "lifeboat_retention_apply=true",
        directory={**directory, "lifeboat_bucket": {"versioning": True}},
        unproved={**directory, "lifeboat_prove_immutability": True},
        misspelt={**owner, "lifeboat_bucket": {"object_lok": {}}},
        stranger={
            **owner,
            "lifeboat_bucket": {"versioning": True},
            "lifeboat_bucket_credentials_file": user(allowing(place, "s3:ListBucket")),
            "lifeboat_retention": POLICY,
        },
        unlocked={**owner, "lifeboat_prove_immutability": True, "lifeboat_retention": POLICY},
        idle=owner,
    )
    for host, cause in {
        "directory": '"field": "store.url"',
        "unproved": '"field": "store.url"',
        "misspelt": "lifeboat_bucket has no key 'object_lok'",
        "stranger": "Allow these credentials s3:GetBucketVersioning on the bucket",
        "unlocked": "does not lock new objects",
        "idle": "lifeboat_retention is not set",
    }.items():
        assert recap(done, host)["failed"] == 1, host
        assert cause in told(done, host), done.stdout
    assert manifests(place) == versions
    canary = f"pre/{APPLICATION}/canary/immutability"
    after = place.state()
    assert [version for version in after.pop("versions") if version[0] != canary] == before.pop("versions")
    assert after == before
