# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A server that sends its WAL, as a standby sees it: over a replication connection, with the rights of a role that has
`REPLICATION` and nothing else.
"""

from __future__ import annotations

import dataclasses
import re

from ....ground.errors import DatabaseError, ProcessFailed, UsageError
from . import psql, timelines

SLOT = re.compile(r"[a-z0-9_]{1,63}")
"""What PostgreSQL takes as the name of a replication slot."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sender:
    """
    How a standby reaches the server that it follows. The password is in `passfile`, in PostgreSQL's format.

    `name` is the standby's, which the sender shows.
    """

    host: str
    port: int
    user: str
    passfile: str
    ssl_mode: str
    ca_cert: str
    name: str

    def conninfo(self, **more: str) -> str:
        """Return the connection string, as `primary_conninfo` takes it."""
        return psql.conninfo(
            {
                "host": self.host,
                "port": self.port,
                "user": self.user,
                "passfile": self.passfile,
                "sslmode": self.ssl_mode,
                "sslrootcert": self.ca_cert,
                "application_name": self.name,
                **more,
            }
        )

    def identify(self, program: str) -> tuple[str, int]:
        """Return the system identifier and the timeline. Raise DatabaseError when it cannot be reached so."""
        identifier, timeline, *_rest = self._ask(program, "IDENTIFY_SYSTEM").split("|")
        return identifier, int(timeline)

    def ancestors(self, program: str, timeline: int) -> dict[int, int]:
        """Return where each timeline ended on which this one is based."""
        if timeline == 1:
            return {}
        _name, _bar, history = self._ask(program, f"TIMELINE_HISTORY {timeline}").partition("|")
        try:
            return dict(timelines.parse(history, timeline))
        except ValueError as exc:
            raise DatabaseError(
                f"What the primary at {self.host} port {self.port} says is not understood: {exc}."
            ) from exc

    def has_slot(self, program: str, slot: str) -> bool:
        """Whether the slot is there. Raise UsageError for what can be no slot's name."""
        if not SLOT.fullmatch(slot):
            raise UsageError(
                f"{slot!r} is no name of a replication slot.", "Use lower-case letters, digits and _.", field="slot"
            )
        return self._ask(program, f"READ_REPLICATION_SLOT {slot}").startswith("physical")

    def create_slot(self, program: str, slot: str) -> None:
        """Make a physical slot that keeps WAL from now on."""
        self._ask(program, f"CREATE_REPLICATION_SLOT {slot} PHYSICAL RESERVE_WAL")

    def _ask(self, program: str, command: str) -> str:
        try:
            return psql.ask(self.conninfo(dbname="postgres", replication="true"), command, program=program)
        except ProcessFailed as exc:
            raise DatabaseError(
                f"The primary at {self.host} port {self.port} does not take a replication connection of role "
                f"{self.user}: {exc.cause}",
                "It needs the role with REPLICATION, a line for it in pg_hba.conf with database replication, and the "
                "password in the standby's file.",
            ) from exc
