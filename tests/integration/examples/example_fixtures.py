# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Runs the inventories of inventories/example on this machine: their hosts are directories, their store is one too.

What they say stays as it is, but for addresses and places: the server, the store, the receivers, and all directories.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import json
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keyfile
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto.keys import OpeningKey
from environment import unconfigured
from playing import COLLECTIONS

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from example_systems import System
    from postgres_fixtures import Cluster

ROLES = Path(__file__).resolve().parents[3] / "roles"
Done: t.TypeAlias = "subprocess.CompletedProcess[str]"

# What tasks of role schedule do to the machine itself, and files that are the same for every schedule, are left out.
OF_THE_MACHINE = {
    "ansible.builtin.apt",
    "ansible.builtin.file",
    "ansible.builtin.stat",
    "ansible.builtin.systemd_service",
}
THE_SAME = {"ansible.cfg.j2", "job.service.j2", "lifeboat-run.j2", "logrotate.j2"}


@dataclasses.dataclass
class Ansible:
    """Ansible's programs, in an environment of their own. `home` is theirs."""

    home: Path

    def run(self, program: str, *arguments: str | Path) -> Done:
        environ = unconfigured()
        environ |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
        environ |= {"ANSIBLE_HOME": str(self.home / "ansible"), "ANSIBLE_LOCALHOST_WARNING": "false"}
        environ["ANSIBLE_ROLES_PATH"] = str(self.home / "roles")
        return subprocess.run(
            [Path(sys.executable).with_name(program), *arguments],
            env=environ,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )

    def inventory(self, path: Path) -> dict[str, t.Any]:
        """Return what an inventory says, as ansible-inventory reads it."""
        done = self.run("ansible-inventory", "-i", path, "--list")
        assert done.returncode == 0, done.stderr
        assert "WARNING" not in done.stderr, done.stderr
        return t.cast("dict[str, t.Any]", json.loads(done.stdout))

    def play(self, inventories: t.Sequence[Path], plays: list[dict[str, t.Any]]) -> Done:
        """Run plays; what a later inventory says of a host wins."""
        book = self.home / "plays.yml"
        book.write_text(json.dumps(plays), encoding="utf-8")
        sources = [word for path in inventories for word in ("-i", str(path))]
        return self.run("ansible-playbook", *sources, book)


@dataclasses.dataclass
class Receiver:
    """Hears what is sent: the bodies, by the path of the address."""

    url: str
    heard: dict[str, list[t.Any]]


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    heard: dict[str, list[t.Any]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            is_json = self.headers.get("Content-Type", "").startswith("application/json")
            heard.setdefault(self.path.strip("/"), []).append(json.loads(body) if is_json else body.decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: t.Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Receiver(f"http://127.0.0.1:{server.server_port}", heard)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclasses.dataclass
class Fixture:
    """A place below which an example runs: a directory for each host, one for the store, and keys."""

    place: Path
    server: Cluster
    receiver: Receiver
    opening: OpeningKey

    def host(self, name: str) -> Path:
        return self.place / name

    @property
    def overrides(self) -> Path:
        """What is other here than in the inventory, as another inventory that is read after it."""
        return self.place / "overrides.json"

    def furnish(self, system: System, said: t.Mapping[str, t.Any]) -> None:
        """Make the directories of all hosts, with what people put there by hand, and write the overrides."""
        hosts = {name: self._variables(system, name, said[name]) for name in said}
        self.overrides.write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
        for name in said:
            for part in ("etc/keys", "state/status", "home", "log", "units"):
                (self.host(name) / part).mkdir(parents=True)
            (self.host(name) / "home/venv").symlink_to(sys.prefix)
            for secret in set(re.findall(r'"/etc/lifeboat/(keys/[^"]+)"', json.dumps(said[name]))):
                _secret(self.host(name) / "etc" / secret, f"{secrets.token_hex(32)}\n")

    def _variables(self, system: System, name: str, said: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        own = str(self.host(name))
        vaulted = set(re.findall(r"\bvault_\w+_url\b", "".join(_texts(system.inventory))))
        given = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "lifeboat_python": sys.executable,
            "lifeboat_system_python": sys.executable,
            "ansible_user": "root",
            "lifeboat_store": {"url": f"file://{self.place}/store"},
            "lifeboat_config_dir": f"{own}/etc",
            "lifeboat_state_dir": f"{own}/state",
            "lifeboat_home": f"{own}/home",
            "lifeboat_launcher": f"{own}/lifeboat",
            "lifeboat_log_dir": f"{own}/log",
            "lifeboat_user": "root",
            "lifeboat_login_user": "postgres",
            "lifeboat_login_unix_socket": self.server.directory,
            "lifeboat_login_port": self.server.port,
            "lifeboat_recovery_key_file": f"{self.place}/recovery.key",
            "lifeboat_opening_key_file": f"{self.place}/opening.json",
            "lifeboat_recipients": [self.opening.recipient.public.hex()],
            "lifeboat_scratch_dir": f"{self.place}/scratch",
            **{vault: f"{self.receiver.url}/{system.name}-{vault.split('_')[-2]}" for vault in vaulted},
        }
        placed = {
            key: json.loads(json.dumps(value).replace("/etc/lifeboat/", f"{own}/etc/"))
            for key, value in said.items()
            if "/etc/lifeboat/" in json.dumps(value)
        }
        # Who says nothing about these does without them here too.
        absent = {"lifeboat_opening_key_file", "lifeboat_recipients"} - set(said)
        extra = {"lifeboat_progress_interval": 0, "lifeboat_requested_by": "alice"}
        return {key: value for key, value in given.items() if key not in absent} | placed | extra


def _texts(folder: Path) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in folder.rglob("*.yml")]


@contextlib.contextmanager
def fixture_of(system: System, said: t.Mapping[str, t.Any], server: Cluster, receiver: Receiver) -> Iterator[Fixture]:
    """Make the place for an example whose inventory says `said`; it is gone afterwards."""
    place = Path(tempfile.mkdtemp(prefix="lb-", dir="/tmp"))
    place.chmod(0o711)
    try:
        (place / "scratch").mkdir(mode=0o711)
        opening = OpeningKey.generate()
        _secret(place / "recovery.key", f"{secrets.token_hex(32)}\n")
        keyfile.write(str(place / "opening.json"), [keyfile.record("opening", opening.secret)])
        fixture = Fixture(place, server, receiver, opening)
        fixture.furnish(system, said["_meta"]["hostvars"])
        yield fixture
    finally:
        shutil.rmtree(place)


def _secret(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)


def hollow_roles(folder: Path) -> dict[str, list[str]]:
    """
    Make roles that have the defaults, variables and options of ours, and no tasks: they only check what they are given.

    Return the names of their entry points.
    """
    found: dict[str, list[str]] = {}
    for role in sorted(path.parent.parent for path in ROLES.glob("*/meta/argument_specs.yml")):
        entries = list(yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"])
        made = folder / role.name
        (made / "tasks").mkdir(parents=True)
        for part in ("defaults", "vars", "meta"):
            if (role / part).is_dir():
                shutil.copytree(role / part, made / part)
        for entry in entries:
            (made / "tasks" / f"{entry}.yml").write_text("---\n[]\n", encoding="utf-8")
        found[role.name] = entries
    return found


def writing_schedule(folder: Path) -> None:
    """Make a copy of role schedule that writes what an inventory decides, and leaves the machine itself alone."""
    shutil.copytree(ROLES / "schedule", folder / "writing_schedule")
    for path in (folder / "writing_schedule/tasks").glob("*.yml"):
        tasks = yaml.safe_load(path.read_text(encoding="utf-8"))
        left = [
            task
            for task in tasks
            if not OF_THE_MACHINE & set(task)
            and task.get("ansible.builtin.template", {}).get("src") not in THE_SAME
            and "schedule_logs" not in str(task.get("loop"))
        ]
        path.write_text(yaml.safe_dump(left, sort_keys=False), encoding="utf-8")
