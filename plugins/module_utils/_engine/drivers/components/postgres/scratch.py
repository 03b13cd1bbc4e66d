# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A throw-away server for a dump that nobody trusts: functions in its constraints and indexes run with a superuser's
rights, so that superuser is locked in.

The server, and every program that reads the dump, run in a sandbox, as a user number of their own, and nothing
of it outlives the run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from ....ground import process
from ....ground.errors import DatabaseError, ProcessFailed
from . import sandbox, watch
from .connection import Login, connect
from .contained import Contained, not_started
from .scratch_place import FIELD, PORT, PROCESSES, placed

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .scratch_place import Place
    from .server import Programs

STEPS = 600
STEP = 0.1
"""How often, and after how many seconds each, the server is asked whether it accepts connections."""

CONNECTIONS = 40
MEMORY = 512 << 20
"""Bytes by which this process may grow at least while a cluster answers it."""

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
    "max_connections": str(CONNECTIONS),
    "max_prepared_transactions": "0",
    "max_logical_replication_workers": "0",
    "shared_preload_libraries": "",
    # Files in the cluster's own directory: what is in the sandbox has little of other memory.
    "dynamic_shared_memory_type": "mmap",
    "lc_messages": "C",
    "log_min_messages": "fatal",
    "restart_after_crash": "off",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Scratch:
    """A running scratch cluster. `prefix` puts a program in a sandbox of its own; `environ` is its environment."""

    directory: str
    login: Login
    prefix: tuple[str, ...]
    environ: Mapping[str, str]
    uid: int


@contextlib.contextmanager
def running(
    programs: Programs,
    *,
    parent: str,
    chance: int,
    superuser: str,
    sleep: Callable[[float], None],
    settings: Mapping[str, str] | None = None,
    limit: float = 0.0,
    memory: int = MEMORY,
) -> Iterator[Scratch]:
    """
    Run a cluster below the directory `parent` as long as the block lasts; its superuser is called `superuser`.

    `settings` are what the database asks for. `chance` is any number, so that two runs seldom try the same user first.
    With `limit` it is ended after so many seconds, whatever it is doing, and when this process grows by more than
    `memory` bytes. Raise UsageError when there is no sandbox, DatabaseError when it does not start, takes the room
    that others need, or was ended by one of these.
    """
    require(programs)
    environ = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": sandbox.HOME}
    sandbox.drop_keyrings(FIELD)
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(placed(parent, chance))
        sandbox.probe(place.sandbox(programs), environ, FIELD, pass_fds=[place.lock])
        _initialise(programs, place, environ, superuser)
        looks = [watch.at_room(place.directory), watch.at_memory(memory), watch.at_time(limit)]
        child = stack.enter_context(_started(programs, place, environ, settings or {}, looks))
        login = Login(unix_socket=place.socket, port=PORT, user=superuser, server_uid=place.uid)
        _await(login, child, sleep)
        visible = {**place.visible, place.socket: place.socket}
        prefix = sandbox.command_prefix(place.uid, programs.directory, processes=PROCESSES, visible=visible)
        yield Scratch(place.directory, login, prefix, environ, place.uid)


def require(programs: Programs, needed: Sequence[str] = ("initdb", "postgres")) -> None:
    """Raise UsageError or DatabaseError when this host lacks what a scratch cluster needs."""
    sandbox.require(FIELD)
    for program in needed:
        if not os.access(programs.path(program), os.X_OK):
            raise DatabaseError(
                f"The PostgreSQL {programs.major} server is not installed on this host, only its client programs.",
                f"Install postgresql-{programs.major}, or validate on a host of group validators.",
            )


def _initialise(programs: Programs, place: Place, environ: Mapping[str, str], superuser: str) -> None:
    argv = [
        *place.sandbox(programs, place.data),
        programs.path("initdb"),
        f"--pgdata={place.data}",
        f"--username={superuser}",
        "--auth=trust",
        "--encoding=SQL_ASCII",  # in which roles can be made whose names are in any encoding
        "--locale=C",
        "--no-sync",
        "--no-instructions",
    ]
    try:
        process.run(argv, env=environ, pass_fds=[place.lock])
    except ProcessFailed as exc:
        raise DatabaseError(
            f"The scratch cluster cannot be created: {exc.cause}",
            "Check that scratch_dir has free space.",
            stderr=exc.details.get("stderr"),
        ) from exc


@contextlib.contextmanager
def _started(
    programs: Programs, place: Place, environ: Mapping[str, str], asked: Mapping[str, str], looks: Sequence[watch.Look]
) -> Iterator[process.Child]:
    """Run the server, and end all that is in its sandbox."""
    settings = {**_SETTINGS, **asked, "unix_socket_directories": place.socket}
    if programs.major >= 17:
        settings["event_triggers"] = "off"
    argv = [programs.path("postgres"), "-D", place.data]
    for name, value in settings.items():
        argv += ["-c", f"{name}={value}"]
    running = Contained(place, programs, argv, writable=(place.data, place.socket), environ=environ)
    try:
        with watched(looks, running.kill):
            yield running.child
    finally:
        running.end()


@contextlib.contextmanager
def watched(looks: Sequence[watch.Look], end: Callable[[], None]) -> Iterator[None]:
    """Look at a server as long as the block lasts. Raise the reason for which it was ended, if it was."""
    watching = watch.Watch(looks, end)
    try:
        with watching:
            yield
    except Exception as exc:
        if watching.reason:
            raise watching.reason from exc
        raise
    else:
        # Whoever lost his session to it may have taken that for an answer.
        if watching.reason:
            raise watching.reason


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
    raise not_started(failure.cause if child.alive else child.stderr)
