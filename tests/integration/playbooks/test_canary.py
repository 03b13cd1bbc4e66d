# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A planted key, a planted password and a marker in the data go through real playbook runs at -vvv, and are looked for.

While a run lasts, all processes' arguments and environments and every file that appears are read over and over; and
afterwards everything that was printed, logged or stored.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest
from faults import fault_fixtures, kills

if t.TYPE_CHECKING:
    from postgres_fixtures import Cluster, ClusterFactory, DatabaseFactory

ROOT = Path(__file__).resolve().parents[3]
COLLECTIONS = next(path for path in sys.path if os.path.isdir(os.path.join(path, "ansible_collections")))

CLIENTS = ("pg_", "psql", "vacuumdb")
"""How the names of PostgreSQL's own programs begin: a password may be in the environment of these."""

LARGEST = 64 << 20
"""Bytes of the largest file that is searched."""

TASKS = ("pg_backup", "backup_info", "backup_verify", "pg_restore", "restore_validate")


class Watch(threading.Thread):
    """
    Reads /proc and the files below `places` until it is finished.

    `seen` counts how often a program was looked at; `met` holds (where, which needle) for every needle, and `found`
    for those in a place where they may not be.
    """

    def __init__(self, needles: dict[str, tuple[bytes, ...]], places: list[Path], allowed: Allowed) -> None:
        super().__init__(daemon=True)
        self._needles = needles
        self._places = places
        self._allowed = allowed
        self._end = threading.Event()
        self._known: dict[Path, tuple[int, int]] = {}
        self.rounds = 0
        self.files = 0
        self.seen: dict[str, int] = {}
        self.met: set[tuple[str, str]] = set()
        self.found: set[tuple[str, str]] = set()

    def run(self) -> None:
        while not self._end.is_set():
            self._processes()
            self._files()
            self.rounds += 1

    def finish(self) -> None:
        self._end.set()
        self.join()
        self._files()

    def _processes(self) -> None:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    program, arguments = (entry / "comm").read_text().strip(), (entry / "cmdline").read_bytes()
                    environ = (entry / "environ").read_bytes()
                    if (entry / "comm").read_text().strip() != program:
                        continue  # it became another program meanwhile, which is looked at in the next round
                    if program == "sh" and b"/pg_" in arguments:
                        program = "pg_dumpall's shell"  # asks its pg_dump for the version
                    self.seen[program] = self.seen.get(program, 0) + 1
                    self._look(arguments, f"cmdline of {program}", ("cmdline", program))
                    self._look(environ, f"environ of {program}", ("environ", program))

    def _files(self) -> None:
        for place in self._places:
            # What is removed between two looks is simply gone.
            with contextlib.suppress(OSError):
                for path in place.rglob("*"):
                    with contextlib.suppress(OSError):
                        self._file(path)

    def _file(self, path: Path) -> None:
        state = path.lstat()
        stamp = (state.st_mtime_ns, state.st_size)
        if path.is_file() and not path.is_symlink() and self._known.get(path) != stamp and state.st_size < LARGEST:
            self._known[path] = stamp
            self.files += 1
            self._look(path.read_bytes(), str(path), ("file", str(path)))

    def _look(self, data: bytes, where: str, place: tuple[str, str]) -> None:
        for name, forms in self._needles.items():
            if fault_fixtures.holds(data, forms):
                self.met.add((where, name))
                if not self._allowed(name, *place):
                    self.found.add((where, name))


class Allowed(t.Protocol):
    def __call__(self, needle: str, what: str, where: str) -> bool: ...


@dataclasses.dataclass
class Stage:
    """What a run needs, and where everything it writes by itself goes."""

    place: fault_fixtures.Fixture
    password: str
    work: Path

    @property
    def password_file(self) -> Path:
        return self.place.home / "password"

    @property
    def environ(self) -> dict[str, str]:
        work = self.work
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(work),
            "TMPDIR": str(self.place.home / "tmp"),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS,
            "ANSIBLE_HOME": str(work / "ansible"),
            "ANSIBLE_REMOTE_TMP": str(work / "remote"),
            "ANSIBLE_ASYNC_DIR": str(work / "async"),
            "ANSIBLE_LOG_PATH": str(work / "ansible.log"),
            "ANSIBLE_NOCOLOR": "1",
        }

    def options(self, **login: t.Any) -> dict[str, dict[str, t.Any]]:
        """Return each module's options."""
        backup = self.place.module_arguments(login_host="127.0.0.1", **login)
        for name in ("login_unix_socket", "proof"):
            backup.pop(name)
        database = backup.pop("login_db")
        repository = {key: backup[key] for key in ("application", "store", "keys", "state_dir") if key in backup}
        named = {**repository, "cluster": backup["cluster"], "database": database}
        reached = {**backup, "database": database, "target_db": f"{database}_copy"}
        return {
            "pg_backup": {**backup, "login_db": database, "proof": "content"},
            "backup_info": named,
            "backup_verify": {**named, "level": "opens"},
            "pg_restore": reached,
            "restore_validate": reached,
        }

    def playbook(self, options: dict[str, dict[str, t.Any]]) -> Path:
        tasks = [
            {"name": f"Run {name}", f"lifeboat.recovery.{name}": options[name], "register": "said"} for name in TASKS
        ]
        # A variable with the password, as one from a vault is: it is in nobody's arguments.
        play = {
            "name": "Plant and look",
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {
                "ansible_python_interpreter": sys.executable,
                "lifeboat_progress_interval": 0.2,
                "secret": f"{{{{ lookup('ansible.builtin.file', '{self.password_file}') }}}}",
            },
            "tasks": tasks,
        }
        path = self.work / "play.yml"
        path.write_text(json.dumps([play]), encoding="utf-8")
        return path

    def run(self, play: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "ansible", "playbook", "-vvv", str(play)],
            env=environ,
            cwd=self.work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=180,
            check=False,
        )

    @property
    def needles(self) -> dict[str, tuple[bytes, ...]]:
        return {
            "key": fault_fixtures.key_forms(self.place.key),
            "password": (self.password.encode(),),
            "marker": (self.place.marker.encode(),),
        }


@pytest.fixture
def stage(cluster: ClusterFactory, database: DatabaseFactory, tmp_path: Path) -> t.Iterator[Stage]:
    server: Cluster = cluster()
    marker = f"marker-{secrets.token_hex(16)}"
    name, role = database(), f"canary_{secrets.token_hex(4)}"
    kills.prepare(server, name, marker)
    password = f"word-{secrets.token_hex(16)}"
    server.execute(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{password}'")
    place = fault_fixtures.make(server, name, tmp_path, marker=marker)
    work = tmp_path / "work"
    work.mkdir()
    fault_fixtures.write_secret(tmp_path / "password", password)
    try:
        yield Stage(place, password, work)
    finally:
        server.drop(f"{name}_copy")
        server.execute(f"DROP ROLE {role}")


def login_of(stage: Stage) -> str:
    roles = stage.place.server.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'canary%'")
    return str(roles[0][0])


def judge(stage: Stage, watch: Watch, done: subprocess.CompletedProcess[bytes], capsys: t.Any) -> None:
    with capsys.disabled():
        print(
            f"\ncanary: {watch.rounds} looks at {sum(watch.seen.values())} processes and {watch.files} files; "
            f"pg_dump seen {watch.seen.get('pg_dump', 0)} times; found: {sorted(watch.found)}"
        )
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")[-6000:]
    assert b"ESTABLISH LOCAL CONNECTION" in done.stdout  # so it was as verbose as it is meant to be
    for name, forms in stage.needles.items():
        assert not fault_fixtures.holds(done.stdout + done.stderr, forms), f"{name} is in what Ansible printed"
    log = Path(stage.place.server.directory, "log").read_bytes()
    assert not fault_fixtures.holds(log, (*stage.needles["key"], *stage.needles["password"]))
    assert watch.found == set()
    # That it is seen where it has to be shows that it would be seen elsewhere.
    assert ("environ of pg_dump", "password") in watch.met
    assert stage.place.temporary_files() == []
    assert len(stage.place.listed()) == 1


def test_secrets_from_files_are_found_nowhere(stage: Stage, capsys: t.Any) -> None:
    """The password as an option, from a variable; the key by its path. Only pg_* may have the password, by environ."""

    def allowed(needle: str, what: str, where: str) -> bool:
        if what == "file":
            sources = {"key": "key", "password": "password"}
            return where == str(stage.place.home / sources.get(needle, ""))
        return needle == "password" and what == "environ" and where.startswith(CLIENTS)

    play = stage.playbook(stage.options(login_user=login_of(stage), login_password="{{ secret }}"))
    watch = Watch(stage.needles, [stage.place.home], allowed)
    watch.start()
    try:
        done = stage.run(play, stage.environ)
    finally:
        watch.finish()

    judge(stage, watch, done, capsys)


def test_a_key_from_the_environment_reaches_no_other_program(stage: Stage, capsys: t.Any) -> None:
    """What the caller exports is in Ansible's own environment; no program that a module starts may inherit it."""

    def allowed(needle: str, what: str, where: str) -> bool:
        if what == "file":
            sources = {"key": "key", "password": "password"}
            return where == str(stage.place.home / sources.get(needle, ""))
        client = where.startswith(CLIENTS)
        return what == "environ" and needle == ("password" if client else "key")

    options = stage.options(login_user=login_of(stage), login_password_file=str(stage.password_file))
    for each in options.values():
        each.pop("keys", None)
    watch = Watch(stage.needles, [stage.place.home], allowed)
    watch.start()
    try:
        done = stage.run(stage.playbook(options), {**stage.environ, "BACKUP_ENCRYPTION_KEY": stage.place.key.hex()})
    finally:
        watch.finish()

    judge(stage, watch, done, capsys)
