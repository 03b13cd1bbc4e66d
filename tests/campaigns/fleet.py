# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The hosts of a molecule scenario as campaigns use them: its playbooks with the settings of its molecule.yml, its
recovery as a user starts it, what the journal says, and faults. A host is never asked to take part in its own fault.
"""

from __future__ import annotations

import configparser
import contextlib
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
importlib.import_module("conftest")  # makes the collection importable
from engine_fixtures import events_in, in_words, killed_at_another
from environment import unconfigured

if t.TYPE_CHECKING:
    from collections.abc import Callable

HOSTS = ROOT / "tests/rig/hosts"
POLL = 0.2
LONGEST = 900
"""Seconds that a recovery may go on behind a fault."""

RECOVER = "lifeboat.recovery.recover"
WHOLE = ', "lifeboat_pitr_target": "latest"'
"""What the scenario gives its recovery so that a whole server comes back."""


class Scenario:
    """A scenario, and a controller with its files in `state`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.directory = ROOT / "molecule" / name
        self.state = ROOT / ".cache/campaigns" / name
        self.state.mkdir(parents=True, exist_ok=True)
        self.rig = Path(os.environ.get("LIFEBOAT_RIG", ROOT / ".cache/rig"))
        settings = yaml.safe_load((self.directory / "molecule.yml").read_text())["ansible"]
        self._arguments = settings["executor"]["args"]["ansible_playbook"]
        self._playbooks = settings.get("playbooks", {})
        config = configparser.ConfigParser()
        config.read_dict(settings["cfg"])
        with (self.state / "campaign.cfg").open("w") as file:
            config.write(file)

    def begin(self, *playbooks: str, **variables: t.Any) -> None:
        """Make the hosts by these playbooks of the scenario, with nothing that is left of others."""
        self.play("destroy")
        for name in ("controller", "report"):
            shutil.rmtree(self.state / name, ignore_errors=True)
        for playbook in ("create", *playbooks):
            self.play(playbook, **variables)

    def start(self, playbook: str, *arguments: str, output: t.Any, **variables: t.Any) -> subprocess.Popen[str]:
        """Start a playbook of the scenario, or one of a collection by its whole name."""
        file = self.directory / self._playbooks.get(playbook, f"{playbook}.yml")
        places = {"MOLECULE_SCENARIO_DIRECTORY": str(self.directory), "MOLECULE_PROJECT_DIRECTORY": str(ROOT)}
        given = [self._known(argument, places) for argument in self._arguments]
        if variables:
            given += ["--extra-vars", json.dumps(variables)]
        environ = unconfigured() | places
        environ |= {
            "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
            "ANSIBLE_CONFIG": str(self.state / "campaign.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache/collections"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "LIFEBOAT_RIG": str(self.rig),
            "MOLECULE_EPHEMERAL_DIRECTORY": str(self.state),
        }
        return subprocess.Popen(
            [
                Path(sys.executable).with_name("ansible-playbook"),
                *given,
                *arguments,
                playbook if "." in playbook else file,
            ],
            cwd=self.state,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def play(self, playbook: str, *arguments: str, **variables: t.Any) -> str:
        """Run a playbook that must end well, and return what it printed."""
        running = self.start(playbook, *arguments, output=subprocess.PIPE, **variables)
        said, _none = running.communicate()
        if running.returncode:
            raise SystemExit(f"{said}\nWRONG: {self.name}: {playbook} failed")
        return said

    def recover(
        self, reached: Callable[[], bool] = lambda: False, act: Callable[[], object] = lambda: None, **variables: t.Any
    ) -> tuple[int, str]:
        """Recover, `act` once that is reached, and return the exit status with what was printed."""
        with tempfile.TemporaryFile("w+") as output:
            running = self.start(RECOVER, output=output, **variables)
            try:
                while running.poll() is None and not reached():
                    time.sleep(POLL)
                if running.poll() is None:
                    act()
                code = running.wait(LONGEST)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGKILL)
            output.seek(0)
            return code, output.read()

    def killed(self, events: Callable[[], list[str]], seen: set[str], delay: float = 0, **variables: t.Any) -> bool:
        """Recover, and kill the run; see killed_at_another."""
        return killed_at_another(lambda output: self.start(RECOVER, output=output, **variables), events, seen, delay)

    def told(self) -> list[str]:
        """Return the events of the newest recovery: kind, step, attempt and result of each."""
        return list(map(in_words, self.events()))

    def events(self) -> list[dict[str, t.Any]]:
        """Return the events of the newest recovery, whole."""
        journal = max((self.state / "controller/recoveries").glob("*/*.jsonl"), default=None)
        return events_in(journal) if journal else []

    def report(self, **variables: t.Any) -> dict[str, t.Any]:
        """Return what the report of the newest recovery, or of another one, tells programs."""
        self.play("lifeboat.recovery.recovery_report", **variables)
        newest = max((self.state / "report").glob("*.json"), key=lambda file: file.stat().st_mtime)
        return t.cast("dict[str, t.Any]", json.loads(newest.read_text()))

    def objects(self) -> dict[str, str]:
        """Return all objects in the store: by name what tells their content."""
        return dict(line.split(" ", 1) for line in self._bucket("--list").splitlines())

    def flip(self, name: str) -> None:
        """Turn a bit of an object in the store round; a second time makes it right again."""
        self._bucket("--flip", name)

    def address(self, octet: int) -> str:
        return f"{(self.rig / 'prefix').read_text().strip()}.{octet}"

    def fault(self, *arguments: str) -> None:
        _output(HOSTS / "fault.sh", *arguments)

    def up(self, *hosts: str) -> None:
        """Make hosts, or make them bare again."""
        _output(HOSTS / "up.sh", *hosts)

    def on(self, host: str, *program: str, given: str = "") -> str:
        """Run a program on a host, from outside, and return what it printed, whatever its status."""
        script = f'. "{HOSTS}/env.sh" && exec podman exec --interactive "$@"'
        done = subprocess.run(
            ["bash", "-c", script, "_", host, *program], input=given, capture_output=True, text=True, check=False
        )
        return done.stdout

    def _bucket(self, *arguments: str) -> str:
        folder = self.rig / "store"
        return _output(
            sys.executable, HOSTS / "bucket.py", f"https://{self.address(14)}:9009", folder, "lifeboat", *arguments
        )

    def _known(self, argument: str, places: dict[str, str]) -> str:
        return re.sub(r"\$\{(\w+)\}", lambda found: places[found[1]], argument)


class Fleet(Scenario):
    """
    Scenario rebuild: db2 and web1 are lost, and rebuilt on spare and spare2. The database is restored, or the `whole`
    server comes back from its physical backup and its log, as in the scenario itself.
    """

    def __init__(self, *, whole: bool = False) -> None:
        super().__init__("rebuild")
        if not whole:
            self._arguments = [each.replace(WHOLE, "") for each in self._arguments]

    def bare(self) -> None:
        """Make both spares bare again, and let the names answer the addresses of the lost hosts."""
        self.up("spare", "spare2")
        lines = ["server 127.0.0.1", "zone shop.example"]
        for name, octet in (("www", 15), ("db", 12)):
            lines += [
                f"update delete {name}.shop.example A",
                f"update add {name}.shop.example 2 A {self.address(octet)}",
            ]
        update = "".join(f"{line}\n" for line in [*lines, "send"])
        self.on("dns1", "nsupdate", "-k", "/etc/bind/lifeboat.key", given=update)

    def megabytes(self) -> int:
        """Return the size of the recovered database."""
        query = "SELECT pg_database_size('shop') / 1048576"
        return int(self.on("spare", "runuser", "--user=postgres", "--", "psql", "-Atqc", query))


def unchanged(said: str) -> bool:
    """Whether a playbook says that it changed nothing on any host."""
    counts = re.findall(r"ok=\d+ +changed=(\d+)", said)
    return bool(counts) and set(counts) == {"0"}


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def _output(*program: str | Path) -> str:
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stdout}{done.stderr}\nWRONG: {program[0]} failed")
    return done.stdout
