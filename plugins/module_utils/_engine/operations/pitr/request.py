# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""What a recovery to a moment is asked for with."""

from __future__ import annotations

import dataclasses
import os
import pwd
import typing as t

from ...drivers.components.postgres.recovering_server import Owner
from ...ground.errors import UsageError
from ...records.wal import targets

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ...records.repository.catalogue import RepositorySettings

DEBIAN = "/var/lib/postgresql/"

PROMOTED, STANDBY = STATES = ("promoted", "standby")
"""What becomes of the copy: a server with a timeline of its own, or one that may go on to follow its primary."""


@dataclasses.dataclass(frozen=True, slots=True)
class PitrRequest:
    """
    Which server, to which moment, and where to.

    `cluster` is the part of the backups' names, `data_directory` the place of the result, which the user `owner` runs
    on this `host`. `tablespaces` gives the place of each tablespace, by its name or by where it was. With `wal_config`,
    the directory of the settings by which the cluster archives, the history of the timeline that begins is stored
    before anything is replaced. With `old_wal` the log in the data directory that is there counts as well. A `standby`
    has all that is stored, and begins no timeline. `recovery_id` ties the reruns of one recovery together: one that
    ended is not repeated.
    """

    repository: RepositorySettings
    cluster: str
    data_directory: str
    owner: str
    host: str
    target: object = targets.LATEST
    exclusive: bool = False
    timeline: int | None = None
    backup: str = ""
    tablespaces: Mapping[str, str] = dataclasses.field(default_factory=dict)
    confirm: str = ""
    bin_dir: str = ""
    superuser: str = "postgres"
    wal_config: str = ""
    state: str = PROMOTED
    old_wal: bool = True
    recovery_id: str = ""

    def user(self) -> Owner:
        """Return who runs the server. Raise UsageError where there is no such user, or we may not act as that one."""
        try:
            found = pwd.getpwnam(self.owner)
        except KeyError as exc:
            raise UsageError(f"There is no user {self.owner}.", "Install PostgreSQL, or correct owner.") from exc
        if os.geteuid() not in {0, found.pw_uid}:
            raise UsageError(
                f"The data directory belongs to {self.owner}, and this is another user.",
                "Run with become: true.",
                field="owner",
            )
        return Owner(found.pw_uid, found.pw_gid)

    @property
    def place(self) -> str:
        """What the data directory is called to confirm that it is replaced: `17/main@db1` where Debian has it."""
        path = os.path.normpath(self.data_directory)
        return f"{path.removeprefix(DEBIAN) if path.startswith(DEBIAN) else path}@{self.host}"
