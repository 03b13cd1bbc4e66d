# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What PostgreSQL runs as archive_command and as restore_command, and what streams its log beside them.

    lifeboat wal-push CLUSTER PATH
    lifeboat wal-fetch CLUSTER NAME PATH [--key-file FILE]
    lifeboat wal-stream CLUSTER [--check]

The server starts it for each segment, and waits: nothing is imported before a file is known to need it.

The exit status of wal-push is 0 when the file is stored, and else one from 1 to 124: a signal or more than 125 would
restart the server's archiver, which counts no failure then (PostgreSQL, postmaster/pgarch.c).

That of wal-fetch is 0 when the file is there, 1 when it is absent and nothing comes after it, and 200 for all else, as
that of a command that is none: a recovery would take anything below 126 for the end of the log. A running standby would
die of 200, and asks again after a 1: there all else is 1.
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
ABSENT = 1
STANDBY = "standby.signal"
"""There while a standby runs in its data directory, in which the server runs its commands."""
KEY_FILE = "--key-file"
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


def _fetch(arguments: Sequence[str], config_dir: str, state_dir: str) -> int:
    failed = ABSENT if os.path.exists(STANDBY) else STOP
    try:
        words = list(arguments)
        key_file = ""
        if KEY_FILE in words[:-1]:
            place = words.index(KEY_FILE)
            key_file = words[place + 1]
            del words[place : place + 2]
        if len(words) != 3:
            sys.stderr.write("lifeboat wal-fetch needs three arguments: CLUSTER, and %f and %p of restore_command.\n")
            return failed
        from . import direct  # noqa: PLC0415 - as for pushing

        wanted = direct.Wanted(words[0], words[1], words[2], key_file)
        return 0 if direct.fetch(wanted, config_dir, state_dir, _world(), _say) else ABSENT
    except BaseException as exc:  # noqa: BLE001 - the server must not take it for the end of the log
        sys.stderr.write(f"lifeboat: {_told(exc)}\n")
        return failed


def _say(text: str) -> None:
    sys.stderr.write(f"lifeboat: {text}\n")
    sys.stderr.flush()


def _stream(arguments: Sequence[str], config_dir: str, state_dir: str) -> int:
    import signal  # noqa: PLC0415

    from . import streaming  # noqa: PLC0415

    if not arguments or arguments[1:] not in ([], ["--check"]):
        sys.stderr.write("lifeboat wal-stream needs one argument, CLUSTER, and takes --check.\n")
        return 2
    ended = False

    def end(_number: int, _frame: object) -> None:
        nonlocal ended
        ended = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)

    check = arguments[1:] == ["--check"]
    streaming.stream(config_dir, state_dir, arguments[0], _world(), ended=lambda: ended, say=_say, check=check)
    return 0


def _world() -> World:
    import time  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    from ...ground.model import World  # noqa: PLC0415

    # What the server inherited from whoever started it must not decide where its WAL goes.
    return World(lambda: datetime.now(UTC), time.sleep, {})


_COMMANDS: dict[str, Callable[[Sequence[str], str, str], int]] = {
    "wal-push": _push,
    "wal-fetch": _fetch,
    "wal-stream": _stream,
}
