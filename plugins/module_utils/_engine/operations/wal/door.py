# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What PostgreSQL runs as archive_command.

    lifeboat wal-push CLUSTER PATH

The server starts it for each segment, and waits: nothing is imported before a file is known to need it.

The exit status of wal-push is 0 when the file is stored, and else one from 1 to 124: a signal or more than 125 would
restart the server's archiver, which counts no failure then (PostgreSQL, postmaster/pgarch.c). That of a command that is
none is 200: a recovery would take anything below 126 for the end of the log.
"""

from __future__ import annotations

import os
import sys

from ...ground.host_state import WAL_NOTE, WAL_SETTINGS
from .spool import Spool

TYPE_CHECKING = False  # as typing has it, which takes as long to import as all the rest
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from ...ground.model import World

FAILED = 1
LARGEST_STATUS = 124
STOP = 200
UMASK = 0o007


def main(argv: Sequence[str], config_dir: str, state_dir: str) -> NoReturn:
    """Do what `argv` says, such as `wal-push main pg_wal/000000010000000000000001`, and end the process."""
    # A directory store gives the user of the backups access by a group, which a server's umask would take away.
    os.umask(UMASK)
    try:
        status = _COMMANDS.get(argv[0], _unknown)(argv[1:], config_dir, state_dir)
    except BaseException as exc:  # noqa: BLE001 - whatever it is, the server has to know it
        sys.stderr.write(f"lifeboat: {_told(exc)}\n")
        status = min(getattr(exc, "exit_code", FAILED), LARGEST_STATUS)
    sys.stderr.flush()
    os._exit(status)


def _told(error: BaseException) -> str:
    if hasattr(error, "exit_code") or isinstance(error, OSError):
        return str(error)
    return f"An unexpected error, {type(error).__name__}: {error}"


def _unknown(_arguments: Sequence[str], _config_dir: str, _state_dir: str) -> int:
    sys.stderr.write(f"lifeboat: This command is none of {', '.join(_COMMANDS)}. See lifeboat --help.\n")
    return STOP


def _push(arguments: Sequence[str], config_dir: str, state_dir: str) -> int:
    if len(arguments) != 2:
        sys.stderr.write("lifeboat wal-push needs two arguments: CLUSTER, and %p of archive_command.\n")
        return 2
    cluster, path = arguments
    spool = Spool(WAL_NOTE.folder(state_dir).format(cluster=cluster), WAL_SETTINGS.path(config_dir, cluster=cluster))
    if spool.stored(path):
        return 0
    from . import pushing  # noqa: PLC0415 - it takes long, and mostly it is not needed

    pushing.push(config_dir, cluster, path, spool, _world())
    return 0


def _world() -> World:
    import time  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    from ...ground.model import World  # noqa: PLC0415

    # What the server inherited from whoever started it must not decide where its WAL goes.
    return World(lambda: datetime.now(UTC), time.sleep, {})


_COMMANDS: dict[str, Callable[[Sequence[str], str, str], int]] = {"wal-push": _push}
