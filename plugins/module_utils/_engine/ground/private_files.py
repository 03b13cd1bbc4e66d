# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files with a secret in them, which nobody but their owner may use."""

from __future__ import annotations

import os
import stat

from . import disk
from .errors import RecoveryError, UsageError


def read(
    name: str,
    subject: str,
    limit: int,
    /,
    *,
    error: type[RecoveryError] = UsageError,
    piped: bool = False,
    **details: str,
) -> bytes:
    """
    Return the bytes of the file `name`; of one that is larger than `limit`, one byte more than that.

    The open file is asked who may use it, not its name. Raise `error` with `details`, in sentences about `subject`,
    where others may use it, or where it is no regular file, unless it may be `piped`.
    """
    try:
        # A pipe that nobody writes to would hold us up, where nobody is waited for.
        waits = 0 if piped else os.O_NONBLOCK
        with disk.closing(os.open(name, os.O_RDONLY | os.O_CLOEXEC | waits)) as handle:
            cause, remedy = _refused(os.fstat(handle).st_mode, name, piped=piped)
            if cause:
                raise error(f"{subject} {cause}", remedy, **details)
            with open(handle, "rb", closefd=False) as file:
                return file.read(limit + 1)
    except OSError as exc:
        remedy = "Correct the path, or make the file readable for this user."
        raise error(f"{subject} cannot be read: {exc.strerror}.", remedy, **details) from exc


def _refused(mode: int, path: str, *, piped: bool) -> tuple[str, str]:
    """Return why a file of that mode is not read, and what to do; empty where it is."""
    if stat.S_ISREG(mode) and mode & 0o077:
        return (
            f"is accessible to users other than its owner (mode {stat.S_IMODE(mode):04o}).",
            f"Run chmod 0600 {path}, and consider who may have read it.",
        )
    if not stat.S_ISREG(mode) and not piped:
        return "is not a regular file.", "Correct the path."
    return "", ""
