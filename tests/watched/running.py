# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role, run on this host."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import typing as t

import yaml

if t.TYPE_CHECKING:
    from pathlib import Path

COLLECTIONS = next(path for path in sys.path if os.path.isdir(os.path.join(path, "ansible_collections")))


def play(place: Path, *parts: str, check: bool = False, **variables: t.Any) -> str:
    """Run parts of the role on this host, as a job of the schedule does without root; give what was printed."""
    always = {
        "lifeboat_application": "shop",
        "lifeboat_store": {"url": "file:///nowhere"},
        "lifeboat_cluster": "main",
        "lifeboat_user": "nobody",
        "lifeboat_python": sys.executable,
        "lifeboat_prometheus_service": "",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
    }
    role = "lifeboat.recovery.monitoring"
    tasks = [{"ansible.builtin.include_role": {"name": role, "tasks_from": part}} for part in parts]
    playbook = place / "play.yml"
    one = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
    playbook.write_text(yaml.safe_dump([{**one, "vars": {**always, **variables}}]))
    program = os.path.join(os.path.dirname(sys.executable), "ansible-playbook")
    environment = {
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
        "HOME": str(place),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS,
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }
    done = subprocess.run(
        [program, str(playbook), *(["--check", "--diff"] if check else [])],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return done.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
