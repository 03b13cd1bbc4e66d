# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a database is restored: what users choose."""

from __future__ import annotations

import dataclasses
import typing as t

from ....ground.errors import UsageError, require_one_of
from .connection import MAINTENANCE, check_name
from .role_choice import Wish

if t.TYPE_CHECKING:
    from .connection import Login

STRATEGIES = ("swap", "in_place")


@dataclasses.dataclass(frozen=True, slots=True)
class RestoreOptions:
    """
    Into which database of which server, and what may happen there.

    `host` is the name in the confirm token: the server's, or this machine's for a socket. `target_db` None means the
    database's own name; `accept_failed` names later objects (`INDEX public x`) without which the result is taken;
    `roles` says which missing ones may be made.
    """

    login: Login
    cluster: str
    database: str
    host: str
    target_db: str | None = None
    tables: tuple[str, ...] = ()
    strategy: str = "swap"
    force_disconnect: bool = False
    jobs: int = 2
    accept_failed: tuple[str, ...] = ()
    roles: Wish = dataclasses.field(default_factory=Wish)

    @property
    def name(self) -> tuple[str, str]:
        """The cluster and the database that was backed up."""
        return self.cluster, self.database

    @property
    def target(self) -> str:
        """The name of the database that is wanted in the end."""
        return self.target_db or self.database

    @property
    def in_place(self) -> bool:
        """Whether the old database is dropped first, for disks that cannot hold both."""
        return self.strategy == "in_place"

    def check(self) -> None:
        """Raise UsageError on values that cannot be meant."""
        require_one_of("strategy", self.strategy, STRATEGIES)
        self.roles.check()
        if not 1 <= self.jobs <= 64:
            raise UsageError(f"{self.jobs} jobs is out of range.", "Set jobs to a value from 1 to 64.", field="jobs")
        check_name(self.database, "database")
        check_name(self.target, "target_db")
        if self.target in {*MAINTENANCE, "template0"} and not self.tables:
            raise UsageError(
                f"The database {self.target!r} cannot be replaced: the restore connects to it to manage databases.",
                "Set another target_db.",
                field="target_db",
            )
