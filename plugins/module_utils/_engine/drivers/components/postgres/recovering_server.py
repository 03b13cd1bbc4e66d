# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A data directory that recovers in private: no network, a socket that only its own user can reach, and nothing archived.

Whatever the directory itself says how to run is set aside: a copy of a server would archive into the log of its
original, follow its primary, or answer its clients. All settings are arguments, so that none stays when it has ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import subprocess
import typing as t

from ....ground import disk, process
from ....ground.errors import DatabaseError, ProcessFailed
from . import control_data, heartbeat, wal_files
from .connection import Login, connect, execute, rows
from .replication import STANDBY_SIGNAL

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from .connection import Connection
    from .control_data import ControlData
    from .heartbeat import Beat
    from .server import Programs

RECOVERY_SIGNAL = "recovery.signal"
AUTO_CONF = "postgresql.auto.conf"
ASIDE = ".lifeboat"
"""What is set aside is called by its name and this."""

DATABASE = "template1"
"""Where it is asked: every server has it."""

PORT = 5432
EVENT_TRIGGERS = 17
"""The version from which on a session can be kept free of what a database does when one begins."""

STOPPING = 300
"""Seconds in which a server ends its work: a checkpoint of much memory to a slow disk."""

ENVIRONMENT: Mapping[str, str] = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "TZ": "UTC"}
"""Of the server itself."""

LOG_BYTES = 256 << 10
"""The last bytes of its log that are kept."""

_RAISED = re.compile(r"(\w+) = \d+ is a lower setting than on the primary server, where its value was (\d+)")

_LASTING = ("28", "3D", "XX0")
"""How the states begin in which a server will not let us in later either: a role, a database or a locale lacks."""

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "hot_standby": "on",
    "archive_command": "/bin/false",
    "archive_library": "",
    "archive_cleanup_command": "",
    "recovery_end_command": "",
    "primary_conninfo": "",
    "primary_slot_name": "",
    "max_logical_replication_workers": "0",
    "shared_preload_libraries": "",
    "session_preload_libraries": "",
    "local_preload_libraries": "",
    "autovacuum": "off",
    "ssl": "off",
    "lc_messages": "C",
    "log_min_messages": "log",
    "log_line_prefix": "",
    "log_destination": "stderr",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "datestyle": "ISO",
    "logging_collector": "off",
    "restart_after_crash": "off",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Owner:
    """The user of the operating system whose data directory it is, who may have `walls` that nothing leaves."""

    uid: int
    gid: int
    walls: tuple[str, ...] = ()

    @property
    def prefix(self) -> tuple[str, ...]:
        """What starts a program as that user."""
        if self.walls:
            return self.walls
        if os.geteuid() == self.uid:
            return ()
        return ("setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--")


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """How far a recovery is: `replayed` is a position, `last_end` when the last transaction ended that was replayed."""

    recovering: bool
    paused: bool
    replayed: int
    last_end: datetime.datetime | None


class RecoveringServer:
    """
    The server of the data directory `data` of `owner`, which keeps its socket and its own settings in `private`.

    `superuser` is the name of a role that may do everything in it. Use it in `with`: it is ended with the block.
    """

    def __init__(self, programs: Programs, data: str, private: str, owner: Owner, superuser: str) -> None:
        self.programs = programs
        self.data = data
        self.owner = owner
        self.login = Login(unix_socket=private, port=PORT, user=superuser, server_uid=owner.uid)
        self._private = private
        self._child: process.Child | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> t.Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._hang_up()
        if self._child is not None:
            self._child.kill()

    def control(self) -> ControlData:
        """Return what the control file says."""
        return control_data.read(self.programs.directory, self.data, self.owner.walls)

    def prepare(self, signal: str) -> None:
        """Set aside what the directory says how to run, and let it start as `signal` says. It may be said twice."""
        own = os.path.join(self.data, AUTO_CONF)
        with disk.explained(own):
            if os.path.exists(own) and not os.path.exists(own + ASIDE):
                os.rename(own, own + ASIDE)
            for name in (RECOVERY_SIGNAL, STANDBY_SIGNAL):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self.data, name))
        _write(own, "")
        if signal:
            _write(os.path.join(self.data, signal), "")
        _write(os.path.join(self._private, "postgresql.conf"), "")
        _write(os.path.join(self._private, "pg_hba.conf"), "local all all trust\n")
        _write(os.path.join(self._private, "pg_ident.conf"), "")

    def restore(self, signal: str = "") -> None:
        """Put back what was set aside. What made the directory recover is gone; `signal` says how it starts next."""
        own = os.path.join(self.data, AUTO_CONF)
        with disk.explained(own):
            if os.path.exists(own + ASIDE):
                os.replace(own + ASIDE, own)
            for name in {RECOVERY_SIGNAL, STANDBY_SIGNAL} - {signal}:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self.data, name))
        if signal:
            _write(os.path.join(self.data, signal), "")

    def start(self, settings: Mapping[str, str]) -> None:
        """Start the server with these settings beside its own."""
        files = {
            "config_file": os.path.join(self._private, "postgresql.conf"),
            "hba_file": os.path.join(self._private, "pg_hba.conf"),
            "ident_file": os.path.join(self._private, "pg_ident.conf"),
            "unix_socket_directories": self._private,
            "port": str(PORT),
            "data_directory": self.data,
        }
        known = {**_SETTINGS, **self.control().settings, **files, **settings}
        if self.programs.major >= EVENT_TRIGGERS:
            known["event_triggers"] = "off"
        argv = [self.programs.path("postgres"), "-D", self.data]
        for name, value in known.items():
            argv += ["-c", f"{name}={value}"]
        self._child = self._run(argv)

    def _run(self, argv: Sequence[str]) -> process.Child:
        return process.Child(
            [*self.owner.prefix, *argv],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            tail=LOG_BYTES,
        )

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return self._child is not None and self._child.alive

    @property
    def log(self) -> str:
        """The end of what it logged, in English."""
        if self._child is None:
            return ""
        return self._child.saying if self._child.alive else self._child.stderr

    def wanted(self) -> dict[str, str]:
        """Return the settings that its log says are too small for what it replays, with what they have to be."""
        return dict(_RAISED.findall(self.log))

    def look(self) -> State | None:
        """
        Return how far it is; None as long as it answers nobody, which it does once its data are consistent. Raise
        DatabaseError where it will never answer us: a locale or a role lacks.
        """
        try:
            if self._connection is None:
                self._connection = connect(self.login, DATABASE)
            recovering, paused, replayed, last_end = rows(self._connection, _STATE)[0]
        except DatabaseError as exc:
            self._hang_up()
            if str(exc.details.get("sqlstate", "")).startswith(_LASTING):
                raise
            return None
        return State(recovering, paused == "paused", wal_files.lsn(replayed or "0/0"), last_end)

    def ask(self, statement: str) -> list[tuple[t.Any, ...]]:
        """Run a statement as the superuser, and return its rows. Raise DatabaseError when it fails."""
        with contextlib.closing(connect(self.login, DATABASE)) as connection:
            return rows(connection, statement)

    def heartbeat(self) -> Beat | None:
        """Return the newest heartbeat that it has, None where it has none. Raise DatabaseError or Busy."""
        return heartbeat.newest(self.login)

    def checkpoint(self) -> None:
        """Let it write what it has in memory. Raise DatabaseError when that fails."""
        with contextlib.closing(connect(self.login, DATABASE)) as connection:
            execute(connection, "CHECKPOINT")

    def stop(self) -> None:
        """Shut it down, with a checkpoint, and wait until it has ended. Raise DatabaseError when it does not."""
        self._hang_up()
        argv = [*self.owner.prefix, self.programs.path("pg_ctl"), "stop", f"--pgdata={self.data}", "--mode=fast", "-s"]
        try:
            process.run([*argv, f"--timeout={STOPPING}"], env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
        except ProcessFailed as exc:
            raise DatabaseError(
                f"The server of {self.data} does not stop: {exc.cause}", "See what it waits for."
            ) from exc

    def _hang_up(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(DatabaseError):
                self._connection.close()
            self._connection = None


def _write(path: str, text: str) -> None:
    """Write a file that belongs to the owner of its directory."""
    disk.write_atomically(path, [text.encode()], shared=True)


_STATE = """
SELECT recovering, CASE WHEN recovering THEN pg_get_wal_replay_pause_state() END,
       coalesce(pg_last_wal_replay_lsn(), CASE WHEN NOT recovering THEN pg_current_wal_lsn() END)::text,
       pg_last_xact_replay_timestamp()
  FROM (SELECT pg_is_in_recovery() AS recovering) now
"""
