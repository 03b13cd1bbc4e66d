# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The installed command starts as little as possible for PostgreSQL, which waits for it, and all else for people."""

from __future__ import annotations

import json
import os
import site
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from playing import COLLECTIONS
from role_variables import ROLES, written
from wal_fixtures import CLUSTER, Archive, segment

FIRST = "000000010000000000000001"
SLOW = {"ansible", "ansible_collections", "asyncio", "boto3", "botocore", "email", "site"}
"""What takes longer to import than a segment to store."""


TRACE = """
import os, sys
_exit = os._exit
def ended(status):
    with open("{}", "w") as file:
        file.write(" ".join(sys.modules))
    _exit(status)
os._exit = ended
"""


@pytest.fixture
def launcher(archive: Archive) -> Path:
    """The command, as role host writes it for a runtime that is this one."""
    home = archive.home / "home"
    (home / "venv/bin").mkdir(parents=True)
    (home / "venv/bin/python").symlink_to(sys.executable)
    (home / "venv/lib").symlink_to(Path(site.getsitepackages()[0]).parents[1])
    (home / "venv/pyvenv.cfg").write_text(f"home = {Path(sys.base_prefix, 'bin')}\n")
    (home / "ansible_collections").symlink_to(COLLECTIONS / "ansible_collections")
    given = {
        "lifeboat_application": "shop",
        "lifeboat_config_dir": f"{archive.home}/config",
        "lifeboat_home": str(home),
        "lifeboat_state_dir": f"{archive.home}/state",
        "lifeboat_store": {"url": f"file://{archive.home}/store"},
    }
    path = archive.home / "lifeboat"
    path.write_text(written(ROLES / "host/templates/lifeboat.j2", roles=("host",), **given))
    path.chmod(0o755)
    return path


def run(launcher: Path, *words: str, archive: Archive) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [launcher, *words], cwd=archive.home / "data", env={}, capture_output=True, text=True, check=False
    )


def imported(launcher: Path, *words: str, archive: Archive) -> set[str]:
    """Return the modules that are there when the command, which stores a file, has ended."""
    traced, modules = archive.home / "traced", archive.home / "modules"
    first, _line, rest = launcher.read_text().partition("\n")
    traced.write_text(f"{first}\n{TRACE.format(modules)}{rest}")
    traced.chmod(0o755)
    done = run(traced, *words, archive=archive)
    assert done.returncode == 0, done.stderr
    return set(modules.read_text().split())


def test_a_file_is_stored_by_the_command_and_what_it_imports_is_fast(archive: Archive, launcher: Path) -> None:
    path = archive.write(FIRST)
    found = {name.partition(".")[0] for name in imported(launcher, "wal-push", CLUSTER, path, archive=archive)}
    assert not found & SLOW
    assert "_engine" in found
    assert archive.read(f"00000001/00000000/{FIRST}.lbx") == segment(FIRST)


def test_a_file_that_is_stored_already_costs_next_to_nothing(archive: Archive, launcher: Path) -> None:
    """The second of two was stored with the first, and the server asks for it now."""
    second = "000000010000000000000002"
    assert archive.push(archive.write(FIRST)) == 0
    path = archive.write(second)
    archive.write(FIRST)
    assert run(launcher, "wal-push", CLUSTER, f"pg_wal/{FIRST}", archive=archive).returncode == 0
    assert (archive.spool / f"{second}.ok").exists()
    found = imported(launcher, "wal-push", CLUSTER, path, archive=archive)
    assert not (archive.spool / f"{second}.ok").exists()
    third = {name for name in found if (name.partition(".")[0] not in sys.stdlib_module_names)}
    assert third - {"__main__"} <= {
        "_engine",
        "_engine.ground",
        "_engine.ground.host_state",
        "_engine.operations",
        "_engine.operations.wal",
        "_engine.operations.wal.door",
        "_engine.operations.wal.spool",
    }
    assert not found & {"dataclasses", "datetime", "re", "typing"}


def test_what_fails_says_why_and_keeps_the_archiver_running(archive: Archive, launcher: Path) -> None:
    missing = run(launcher, "wal-push", CLUSTER, "pg_wal/000000010000000000000009", archive=archive)
    assert 0 < missing.returncode <= 124
    assert missing.stderr.startswith("lifeboat: ")
    few = run(launcher, "wal-push", CLUSTER, archive=archive)
    assert (few.returncode, "two arguments" in few.stderr) == (2, True)
    unknown = run(launcher, "wal-pull", CLUSTER, archive=archive)
    assert (unknown.returncode, "wal-push" in unknown.stderr) == (200, True)


def test_people_get_the_program_and_find_the_command_there(archive: Archive, launcher: Path) -> None:
    shown = run(launcher, "--help", archive=archive)
    assert shown.returncode == 0
    assert "wal-push" in shown.stdout
    status = run(launcher, "status", "--json", archive=archive)
    assert json.loads(status.stdout)["operations"] == []


def test_a_shared_directory_is_the_groups_whatever_the_servers_umask(archive: Archive) -> None:
    """PostgreSQL has umask 077."""
    (archive.home / "store/shop/wal").mkdir()
    (archive.home / "store/shop/wal").chmod(0o2770)
    previous = os.umask(0o077)
    try:
        assert archive.push(archive.write(FIRST)) == 0
    finally:
        os.umask(previous)
    made = list((archive.home / "store/shop/wal").rglob("*"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_dir()} == {0o2770}
    assert [stat.S_IMODE(path.stat().st_mode) for path in made if path.is_file()] == [0o660]
