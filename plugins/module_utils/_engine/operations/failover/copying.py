# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy of the primary in the place of a server's data, which are kept beside it."""

from __future__ import annotations

import dataclasses
import os
import shutil
import typing as t

from ...drivers.components.postgres import replacing, standby_settings
from ...drivers.components.postgres.replication import environment
from ...ground import process
from ...ground.errors import DatabaseError, ProcessFailed

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ...drivers.components.postgres.replication import LocalServer
    from ...drivers.components.postgres.sender import Sender
    from ...ground.model import World


@dataclasses.dataclass(frozen=True, slots=True)
class Copy:
    """
    Whose data are replaced by those of which primary. `size` is how many bytes that has, 0 if it is not known, and
    `settings` make the copy a standby.
    """

    server: LocalServer
    primary: Sender
    slot: str
    size: int
    settings: Mapping[str, str]

    def make(self, world: World) -> str:
        """
        Copy the primary with pg_basebackup, put the copy in the place of the data, and return where those are kept.

        Raise DatabaseError, with the data as they were, when there is no room, or the copy is not finished.
        """
        data = self.server.data_dir
        if os.listdir(os.path.join(data, "pg_tblspc")):
            raise DatabaseError(
                f"The cluster of {data} has tablespaces, and a copy would need their directories for itself.",
                "Make the standby by hand, by pg_basebackup --tablespace-mapping.",
            )
        parent, name = os.path.split(os.path.normpath(data))
        replacing.require_room(parent, self.size or _size(data), "A copy of the primary", "earlier copies")
        # One that an interrupted run left is no copy.
        fresh = os.path.join(parent, f"{name}.lifeboat-copy")
        shutil.rmtree(fresh, ignore_errors=True)
        argv = [self.server.program("pg_basebackup"), f"--pgdata={fresh}", "--wal-method=stream", "--checkpoint=fast"]
        argv += [f"--slot={self.slot}", "--no-password", f"--dbname={self.primary.conninfo()}"]
        try:
            process.run(argv, env=environment(world.environ))
            # Before it is in its place: from then on somebody may start it.
            standby_settings.write(fresh, self.settings)
        except ProcessFailed as exc:
            shutil.rmtree(fresh, ignore_errors=True)
            raise DatabaseError(
                f"The primary could not be copied: {exc.cause}", "The data here are as they were. Correct that."
            ) from exc
        kept = replacing.aside(data, world.now())
        replacing.exchange(fresh, data, kept)
        return kept


def _size(directory: str) -> int:
    return sum(
        os.lstat(os.path.join(folder, file)).st_size for folder, _folders, files in os.walk(directory) for file in files
    )
