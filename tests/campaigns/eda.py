# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The rulebook of extensions/eda, run by ansible-rulebook: eda.py

Needs Java 17 (Debian's openjdk-17-jre-headless); ansible-rulebook is installed from the package index into an
environment of its own. Starts a PostgreSQL server, asks by webhook without a token, with a wrong one, by another path,
and with the right one, twice, with a body that would do harm if it were read, and counts the backups. Ends with 1 when
a check failed.
"""

from __future__ import annotations

import importlib
import json
import secrets
import subprocess
import sys
import tempfile
import time
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
importlib.import_module("conftest")  # makes the collection importable
from environment import unconfigured
from playing import COLLECTIONS, Plays
from postgres_fixtures import start_cluster, stop_cluster

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / ".cache/eda"
PATIENCE = 600
"""Seconds for the start of ansible-rulebook, and for a backup."""

HARM = {
    "lifeboat_databases": "nowhere",
    "lifeboat_reason": "emergency",
    "meta": {"limit": "nowhere", "hosts": "nowhere"},
    "ansible_connection": "ssh",
    "hosts": "{{ lookup('ansible.builtin.pipe', 'touch HOME/harmed') }}",
}


def environment() -> Path:
    """Return the programs of an environment with ansible-rulebook and what the collection needs."""
    programs = PLACE / "bin"
    if not (PLACE / "complete").exists():
        subprocess.run(["/usr/bin/python3", "-m", "venv", PLACE], check=True)
        wanted = [
            "--requirement",
            str(ROOT / "meta/ee-requirements.txt"),
            "ansible-core==2.19.14",
            "ansible-rulebook==1.3.2",
        ]
        subprocess.run([programs / "pip", "install", "--quiet", "--disable-pip-version-check", *wanted], check=True)
        (PLACE / "complete").touch()
    return programs


def ask(path: str, token: str, body: object) -> int:
    """Return the status of a request; 0 if nobody listens."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    wanted = urllib.request.Request(f"http://127.0.0.1:5000/{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(wanted, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        return exc.code
    except OSError:
        return 0


def within(question: t.Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not (holds := question()) and time.monotonic() < deadline:
        time.sleep(1)
    return holds


def reasons(home: Path) -> list[str]:
    """Return the reasons of the backups that the audit log of the host has."""
    files = (home / "state").rglob("audit*.jsonl")
    lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    return [json.dumps(line) for line in lines if "backup" in json.dumps(line)]


def main() -> int:
    programs = environment()
    server = start_cluster()
    checks: dict[str, bool] = {}
    with tempfile.TemporaryDirectory(prefix="lifeboat-eda-") as folder:
        home = Path(folder)
        for name in ("store", "state", "etc/keys"):
            (home / name).mkdir(parents=True)
        key = home / "etc/keys/recovery.key"
        key.write_text(f"{secrets.token_hex(32)}\n")
        key.chmod(0o600)
        server.create("shop")
        plays = Plays(home, server, "shop", "")
        variables = {k: v for k, v in plays.variables().items() if k != "lifeboat_history"}
        variables["lifeboat_python"] = str(programs / "python")
        local = {"ansible_connection": "local", "ansible_python_interpreter": str(programs / "python")}
        (home / "hosts.json").write_text(json.dumps({"databases": {"hosts": {"db1": local}, "vars": variables}}))
        token = secrets.token_hex(16)
        (home / "webhook.yml").write_text(f"lifeboat_webhook_token: {token}\n")
        environ = unconfigured() | {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "LC_ALL": "C.UTF-8",
            "HOME": str(home),
        }
        environ["PATH"] = f"{programs}:{environ['PATH']}"
        log = home / "log"
        argv: list[str | Path] = [
            programs / "ansible-rulebook",
            "--rulebook",
            "lifeboat.recovery.backup",
            "--inventory",
        ]
        argv += [home / "hosts.json", "--verbose"]
        with (home / "without").open("w") as out:
            running = subprocess.Popen(argv, env=environ, cwd=home, stdout=out, stderr=out)
            within(lambda: running.poll() is not None or ask("backup", "", {}) != 0)
            checks["without a token in its variables it answers nobody"] = ask("backup", "", {}) in {0, 401}
            running.terminate()
            running.wait()
        with log.open("w") as out:
            running = subprocess.Popen(
                [*argv, "--vars", home / "webhook.yml"], env=environ, cwd=home, stdout=out, stderr=out
            )
        try:
            harm = json.loads(json.dumps(HARM).replace("HOME", str(home)))
            checks["a request without a token is refused"] = (
                within(lambda: ask("backup", "", {}) != 0) and ask("backup", "", {}) == 401
            )
            checks["one with a wrong token is refused"] = ask("backup", "x" * 32, harm) == 401
            checks["one to another path is answered"] = ask("restore", token, harm) == 200
            checks["two with the token are answered"] = [ask("backup", token, harm) for _each in range(2)] == [200, 200]
            checks["a backup is made"] = within(lambda: bool(reasons(home)))
            within(lambda: "PLAY RECAP" in log.read_text())
            ended = time.monotonic() + 20  # what would come after it comes now
            within(lambda: time.monotonic() > ended)
            made = reasons(home)
            checks[f"one backup is made: {len(made)}"] = len(made) == 1
            checks["the body said nothing"] = not (home / "harmed").exists() and "emergency" not in "".join(made)
        finally:
            running.terminate()
            running.wait()
            stop_cluster(server)
        if not all(checks.values()):
            print((home / "without").read_text()[-2000:], log.read_text()[-6000:])
    for check, holds in checks.items():
        print(f"{'ok    ' if holds else 'FAILED'} {check}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
