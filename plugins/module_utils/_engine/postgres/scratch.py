# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A throw-away server for a dump that nobody trusts: functions in its constraints and indexes run with a superuser's
rights, so that superuser is locked in.

The server and every program that reads the dump run as an operating system user of their own, which owns nothing but
the cluster's directory, without privileges to gain, without a network (not even the machine's own loopback), and
without our environment. They die with the thread that started them. The directory is removed afterwards; what a killed
run left is removed by the next.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import typing as t

from .. import process
from ..errors import DatabaseError, ProcessFailed, RecoveryError, UsageError
from .connection import Login, connect

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .server import Programs

PREFIX = "scratch-"
PORT = 5432
SOCKET_PATH_BYTES = 107
STEPS = 600
STEP = 0.1
"""How often, and after how many seconds each, the server is asked whether it accepts connections."""

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_connections": "40",
    "max_prepared_transactions": "0",
    "max_logical_replication_workers": "0",
    "shared_preload_libraries": "",
    # Files in the cluster's own directory: nothing stays in /dev/shm when everything is killed.
    "dynamic_shared_memory_type": "mmap",
    "lc_messages": "C",
    "log_min_messages": "fatal",
    "restart_after_crash": "off",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Scratch:
    """A running scratch cluster. `prefix` makes a program run as the server does; `environ` is all it may know."""

    directory: str
    login: Login
    prefix: tuple[str, ...]
    environ: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class _User:
    name: str
    uid: int
    gid: int


@contextlib.contextmanager
def running(
    programs: Programs, *, user: str, parent: str, token: str, superuser: str, sleep: Callable[[float], None]
) -> Iterator[Scratch]:
    """
    Run a cluster below the directory `parent` as long as the block lasts; its superuser is called `superuser`.

    Raise UsageError when it cannot be walled in, DatabaseError when it does not start.
    """
    owner = _require_walls(programs, user)
    _make_parent(parent)
    remove_leftovers(parent)
    directory = os.path.join(parent, PREFIX + token)
    _check_socket_path(directory)
    environ = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": directory}
    prefix = _prefix(owner)
    with _locked(directory):
        try:
            _make_directory(directory, owner)
            _initialise(programs, directory, prefix, environ, superuser)
            child = _start(programs, directory, prefix, environ)
            try:
                login = Login(unix_socket=os.path.join(directory, "socket"), port=PORT, user=superuser)
                _await(login, child, sleep)
                yield Scratch(directory, login, prefix, environ)
            finally:
                _stop(child)
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def remove_leftovers(parent: str) -> list[str]:
    """Remove clusters whose run was killed, told by a lock that nobody holds. Give their directories."""
    removed: list[str] = []
    for name in sorted(os.listdir(parent)):
        directory = os.path.join(parent, name)
        if not name.startswith(PREFIX) or name.endswith(".lock"):
            continue
        with contextlib.suppress(BlockingIOError), _locked(directory):
            shutil.rmtree(directory, ignore_errors=True)
            removed.append(directory)
    return removed


def _require_walls(programs: Programs, user: str) -> _User:
    if os.geteuid() != 0:
        raise UsageError(
            "A scratch cluster needs root, which gives it a user and a network of its own.",
            "Run with become: true, or validate a database that is restored already with target_db.",
            field="scratch_user",
        )
    try:
        found = pwd.getpwnam(user)
    except KeyError as exc:
        raise UsageError(
            f"The operating system user {user} for scratch clusters does not exist.",
            f"Run: useradd --system --no-create-home --shell /usr/sbin/nologin {user}",
            field="scratch_user",
        ) from exc
    if found.pw_uid == 0:
        raise UsageError("The scratch user must not be root.", "Give a user that owns nothing.", field="scratch_user")
    for program in ("setpriv", "unshare"):
        if shutil.which(program, path="/usr/bin:/bin") is None:
            raise UsageError(f"The program {program} is not installed.", "Install util-linux.", field="scratch_user")
    for program in ("initdb", "postgres"):
        if not os.access(programs.path(program), os.X_OK):
            raise DatabaseError(
                f"The server of PostgreSQL {programs.major} is not installed here, only its client programs.",
                f"Install postgresql-{programs.major}, or validate on a host of lifeboat_validators.",
            )
    return _User(user, found.pw_uid, found.pw_gid)


def _prefix(owner: _User) -> tuple[str, ...]:
    walls = ("unshare", "--net", "--ipc", "--")
    identity = (f"--reuid={owner.uid}", f"--regid={owner.gid}", "--clear-groups", "--inh-caps=-all", "--no-new-privs")
    return (*walls, "setpriv", *identity, "--pdeathsig", "KILL", "--")


def _make_parent(parent: str) -> None:
    try:
        if not os.path.isdir(parent):
            os.makedirs(parent)
            # Said again, because a umask of 027 would keep the scratch user from passing through.
            os.chmod(parent, 0o711)  # noqa: S103 - others pass, and see nothing
        found = os.stat(parent)
    except OSError as exc:
        raise UsageError(
            f"The directory {parent} cannot be made: {exc.strerror}.", "Correct scratch_dir.", field="scratch_dir"
        ) from exc
    # Whoever may write there could exchange a directory between its making and its use.
    if found.st_uid != 0 or found.st_mode & 0o022:
        raise UsageError(
            f"The directory {parent} is not root's alone.",
            f"Run: chown root {parent}; chmod 0711 {parent}",
            field="scratch_dir",
        )


def _check_socket_path(directory: str) -> None:
    longest = os.path.join(directory, "socket", f".s.PGSQL.{PORT}")
    if len(os.fsencode(longest)) > SOCKET_PATH_BYTES:
        raise UsageError(
            "The path of scratch_dir is too long for a socket.", "Give a shorter one.", field="scratch_dir"
        )


@contextlib.contextmanager
def _locked(directory: str) -> Iterator[None]:
    """Hold the lock file beside `directory`. Raise BlockingIOError when another run does."""
    path = f"{directory}.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
    finally:
        os.close(handle)


def _make_directory(directory: str, owner: _User) -> None:
    for path in (directory, os.path.join(directory, "socket")):
        os.mkdir(path, 0o700)
        os.chown(path, owner.uid, owner.gid)


def _initialise(
    programs: Programs, directory: str, prefix: tuple[str, ...], environ: Mapping[str, str], superuser: str
) -> None:
    argv = [
        *prefix,
        programs.path("initdb"),
        f"--pgdata={directory}/data",
        f"--username={superuser}",
        "--auth=trust",
        "--encoding=SQL_ASCII",  # in which roles can be made whose names are in any encoding
        "--locale=C",
        "--no-sync",
        "--no-instructions",
    ]
    try:
        process.run(argv, env=environ)
    except ProcessFailed as exc:
        raise DatabaseError(
            f"The scratch cluster cannot be made: {exc.cause}",
            "Check that the scratch user can reach scratch_dir, and that it has room.",
            stderr=exc.details.get("stderr"),
        ) from exc


def _start(programs: Programs, directory: str, prefix: tuple[str, ...], environ: Mapping[str, str]) -> process.Child:
    settings = {**_SETTINGS, "unix_socket_directories": os.path.join(directory, "socket")}
    if programs.major >= 17:
        settings["event_triggers"] = "off"
    argv = [*prefix, programs.path("postgres"), "-D", os.path.join(directory, "data")]
    for name, value in settings.items():
        argv += ["-c", f"{name}={value}"]
    return process.Child(argv, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _await(login: Login, child: process.Child, sleep: Callable[[float], None]) -> None:
    for _step in range(STEPS):
        try:
            connect(login, "postgres").close()
        except DatabaseError as exc:
            failure = exc
        else:
            return
        if not child.alive:
            break
        sleep(STEP)
    raise DatabaseError(
        f"The scratch cluster does not start: {child.stderr.splitlines()[-1] if not child.alive else failure.cause}",
        "Check memory, disk space and the scratch user's limits on this host.",
    )


def _stop(child: process.Child) -> None:
    """End it at once: nothing in it is worth a checkpoint."""
    with contextlib.suppress(ProcessLookupError, RecoveryError):
        if child.alive:
            os.kill(child.pid, signal.SIGQUIT)
    child.kill()
