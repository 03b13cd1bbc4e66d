# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A server's WAL as it is written, received by PostgreSQL's own pg_receivewal into a directory.

The server keeps for a replication slot what its receiver did not confirm. A slot that nobody reads fills the disk, so
one without a limit is refused.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess

from ....ground import process
from ....ground.errors import DatabaseError, ProcessFailed, UsageError
from . import psql
from .sender import SLOT

_LOST = "lost"
"""What PostgreSQL says of a slot for which it removed WAL: nothing can be received by it any more."""

_STATE = """
SELECT pg_is_in_recovery(), (SELECT system_identifier FROM pg_control_system()), coalesce(max(wal_status), ''),
       count(*), current_setting('max_slot_wal_keep_size')
  FROM pg_replication_slots WHERE slot_name = '{}'
"""
_DROP = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{}'"
_CREATE = "SELECT FROM pg_create_physical_replication_slot('{}', true)"


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What a server says of itself and of a slot."""

    recovering: bool
    system_identifier: str
    there: bool
    lost: bool
    limit: str

    @property
    def limited(self) -> bool:
        """Whether the server drops a slot that keeps too much."""
        return self.limit != "-1"


@dataclasses.dataclass(frozen=True, slots=True)
class Receiver:
    """How WAL is received: with the programs in `bin_dir`, by `slot`, from the server behind a socket's directory."""

    bin_dir: str
    socket: str
    port: int
    user: str
    slot: str

    def __post_init__(self) -> None:
        if not SLOT.fullmatch(self.slot):
            raise UsageError(f"{self.slot!r} is no name of a replication slot.", "Use a-z, 0-9 and underscores.")

    def look(self) -> Seen:
        """Ask the server. Raise DatabaseError where it does not answer."""
        recovering, identifier, status, slots, limit = self._ask(_STATE.format(self.slot)).split("|")
        return Seen(recovering == "t", identifier, slots != "0", status == _LOST, limit)

    def make_slot(self) -> None:
        """Make the slot anew; it keeps WAL from now on. Raise DatabaseError where that fails."""
        self._ask(_DROP.format(self.slot), _CREATE.format(self.slot))

    def start(self, directory: str) -> process.Child:
        """
        Receive into `directory`, and return the program. It ends when the server does.

        Each write is on the disk before the server hears that it was received.
        """
        # It must not outlive us: the next one could not use the slot.
        argv = ["setpriv", "--pdeathsig=TERM", "--", os.path.join(self.bin_dir, "pg_receivewal")]
        argv += [f"--directory={directory}", f"--slot={self.slot}"]
        argv += ["--synchronous", "--no-loop", "--no-password", f"--dbname={self._conninfo}"]
        environ = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
        return process.Child(argv, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    @property
    def _conninfo(self) -> str:
        return psql.conninfo(
            {"host": self.socket, "port": self.port, "user": self.user, "application_name": "lifeboat wal-stream"}
        )

    def _ask(self, *statements: str) -> str:
        where = f"{self._conninfo} dbname=template1"
        try:
            answers = [psql.ask(where, one, program=os.path.join(self.bin_dir, "psql")) for one in statements]
        except ProcessFailed as exc:
            raise DatabaseError(f"The server does not answer: {exc.cause}", "See that it runs.") from exc
        return answers[-1]
