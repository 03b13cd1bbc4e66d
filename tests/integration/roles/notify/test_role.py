# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role in a real play: URLs lie in files of their owner, and no token is in the loudest output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from environment import unconfigured
from playing import COLLECTIONS

if t.TYPE_CHECKING:
    from receiver_fixtures import Host, Web

TOKEN = "sesame-open-sesame-7391"
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}


class Play:
    """Runs role notify on this machine, as loud as it gets."""

    def __init__(self, home: Path, host: Host) -> None:
        self.home = home
        self.keys = home / "etc" / "keys"
        self.keys.mkdir(parents=True)
        self._state_dir = host.state_dir

    def run(self, *arguments: str, **changes: t.Any) -> str:
        """Run it, and give the output. It must succeed."""
        done = self.attempt(*arguments, **changes)
        assert done.returncode == 0, done.stdout + done.stderr
        assert TOKEN not in done.stdout + done.stderr
        return done.stdout + done.stderr

    def attempt(
        self, *arguments: str, role: dict[str, t.Any] | None = None, tasks_from: str = "main", **changes: t.Any
    ) -> subprocess.CompletedProcess[str]:
        included = {"name": "lifeboat.recovery.notify", "tasks_from": tasks_from}
        tasks = [{"name": "Tell", "ansible.builtin.include_role": included, "vars": role or {}}]
        play = [{"name": "Tell", "hosts": "databases", "gather_facts": False, "become": True, "tasks": tasks}]
        (self.home / "play.json").write_text(json.dumps(play))
        return self.playbook("play.json", *arguments, **changes)

    def playbook(self, name: str, *arguments: str, **changes: t.Any) -> subprocess.CompletedProcess[str]:
        """Run a playbook with variables of this machine."""
        given = {
            "lifeboat_application": "shop",
            "lifeboat_config_dir": str(self.home / "etc"),
            "lifeboat_state_dir": self._state_dir,
            "lifeboat_user": "root",
            "lifeboat_python": sys.executable,
            **changes,
        }
        (self.home / "hosts.json").write_text(json.dumps({"databases": {"hosts": {"db1": {**given, **LOCAL}}}}))
        environ = unconfigured()
        environ |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
        environ |= {"ANSIBLE_HOME": str(self.home / "ansible"), "ANSIBLE_PIPELINING": "1", "NO_PROXY": "*"}
        return subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), "-i", "hosts.json", name, "-vvv", *arguments],
            env=environ,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def play(tmp_path: Path, host: Host) -> Play:
    return Play(tmp_path, host)


def test_a_host_that_has_the_urls_needs_only_the_names(play: Play, host: Host, web: Web) -> None:
    pings = {"backup": {"url": f"{web.url}/ping"}, "verify": {"url": f"{web.url}/verify"}}
    (play.keys / "notify-gone.url").write_text(web.url)
    play.run(tasks_from="install", lifeboat_notify=[{"name": "hook", "url": web.url}], lifeboat_pings=pings)
    assert sorted(path.name for path in play.keys.iterdir()) == [
        "notify-hook.url",
        "ping-backup.url",
        "ping-verify.url",
    ]
    assert {path.stat().st_mode & 0o777 for path in play.keys.iterdir()} == {0o600}
    assert web.heard == []

    host.happens("backup", "failed", message="Connection timeout")
    event = {"name": "recovery_started", "component": "main/shop", "text": "Off we go."}
    said = play.run(
        lifeboat_notify=[{"name": "hook", "url": None}],
        lifeboat_pings={"backup": {}},
        role={"notify_job": "backup", "notify_signal": "fail", "notify_event": event},
    )
    assert "2 messages sent to 1 channel." in said
    ping, *messages = web.heard
    assert ping.path == f"/hooks/{TOKEN}/ping/fail"
    assert ping.body.startswith(b"Connection timeout\n")
    assert [heard.json()["name"] for heard in messages] == ["system:backup-failed", "system:recovery-started"]


def test_a_job_that_fails_is_told_by_its_playbook(play: Play, web: Web, tmp_path: Path) -> None:
    done = play.playbook(
        "lifeboat.recovery.verify",
        lifeboat_store={"url": f"file://{tmp_path}/no-store"},
        lifeboat_key_mode="single-key",
        lifeboat_notify=[{"name": "hook", "url": web.url}],
        lifeboat_pings={"verify": {"url": f"{web.url}/ping"}},
    )
    assert done.returncode != 0
    assert TOKEN not in done.stdout + done.stderr
    start, fail, message = web.heard
    assert start.path.endswith("/ping/start")
    assert fail.path.endswith("/ping/fail")
    assert message.json()["event"] == "verification_failed"
    assert message.json()["error"] in fail.body.decode()


def test_what_follows_jobs_tells_how_each_went(play: Play, host: Host, web: Web) -> None:
    post_run = {"ansible.builtin.include_role": {"name": "lifeboat.recovery.post_run"}}
    success = {"vars": {"post_run_signal": "success"}}
    fail = {"ansible.builtin.fail": {"msg": "Nobody can log this."}}
    common = {"hosts": "databases", "gather_facts": False, "become": True}
    plays = [
        {**common, "vars": {"post_run_job": "backup"}, "tasks": [{**post_run, **success}]},
        {
            **common,
            "vars": {"post_run_job": "verify", "lifeboat_notify": [{"name": "hook", "url": "{{ nobody_set_this }}"}]},
            "tasks": [{**post_run, **success}],
        },
        {**common, "vars": {"post_run_job": "retention"}, "tasks": [{"block": [fail], "always": [post_run]}]},
    ]
    (play.home / "jobs.json").write_text(json.dumps(plays))
    pings = {name: {"url": f"{web.url}/{name}"} for name in ("backup", "retention")}
    done = play.playbook("jobs.json", lifeboat_notify=[{"name": "hook", "url": web.url}], lifeboat_pings=pings)
    assert TOKEN not in done.stdout + done.stderr
    assert "failed=1" in done.stdout
    assert "WARNING: lifeboat_notify was not notified of the events on db1." in done.stdout
    backup, retention, message = web.heard
    assert (backup.path, retention.path) == (f"/hooks/{TOKEN}/backup", f"/hooks/{TOKEN}/retention/fail")
    assert message.json()["event"] == "retention_failed"
    assert message.json()["error"] == "The job retention failed. See its output."
    assert retention.body.startswith(b"The job retention failed.")


def test_a_retention_that_only_plans_pings_nobody(play: Play, web: Web, tmp_path: Path) -> None:
    play.playbook(
        "lifeboat.recovery.retention",
        lifeboat_store={"url": f"file://{tmp_path}/no-store"},
        lifeboat_key_mode="single-key",
        lifeboat_retention={"max_count": 3},
        lifeboat_pings={"retention": {"url": web.url}},
    )
    assert web.heard == []


def test_a_receiver_that_fails_is_a_warning_and_the_play_goes_on(play: Play, host: Host, web: Web) -> None:
    host.happens()
    web.answers = [404, 404]
    pings = {"backup": {"url": web.url}}
    said = play.run(
        lifeboat_notify=[{"name": "hook", "url": web.url}], lifeboat_pings=pings, role={"notify_job": "backup"}
    )
    assert "failed=0" in said
    assert "The channel hook was not notified. The receiver answered 404 Not Found." in " ".join(said.split())
    assert [entry.result for entry in host.log.entries() if entry.operation == "notification"] == ["failed"]


def test_check_mode_sends_nothing(play: Play, host: Host, web: Web) -> None:
    host.happens()
    (play.keys / "notify-hook.url").write_text(web.url)
    (play.keys / "notify-hook.url").chmod(0o600)
    said = play.run("--check", "--diff", lifeboat_notify=[{"name": "hook", "url": web.url}])
    assert "+hook: [lifeboat] shop on " in said
    assert "1 message would be sent to 1 channel." in said
    assert web.heard == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"events": ["backup_done"]}, "No event matches 'backup_done'"),
        ({"name": "../../oops"}, "letters, digits, dots"),
    ],
)
def test_a_mistake_in_a_channel_fails_without_its_url(
    play: Play, web: Web, broken: dict[str, t.Any], said: str
) -> None:
    done = play.attempt(lifeboat_notify=[{"name": "hook", "url": web.url, **broken}])
    assert done.returncode != 0
    assert said in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    assert not list(play.keys.glob("*oops*"))
    assert web.heard == []


def test_the_module_itself_hides_a_url_that_it_is_given(play: Play, host: Host, web: Web) -> None:
    host.happens()
    channel = {"name": "hook", "url": web.url}
    options = {"channels": [channel], "state_dir": host.state_dir, "ping": {"signal": "start", "url": web.url}}
    environ = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_HOME": str(play.home / "ansible")}
    (play.home / "options.json").write_text(
        json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [{"lifeboat.recovery.notify": options}]}])
    )
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-vvv", "options.json", "-e", json.dumps(LOCAL)],
        env=environ,
        cwd=play.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(web.heard) == 2
    assert TOKEN not in done.stdout + done.stderr
