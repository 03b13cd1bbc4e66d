# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Two calls that Linux has and Python's os does not: exchanging two names at once, and syncing one file system.
"""

from __future__ import annotations

import ctypes
import errno
import os
import typing as t

_NO_REPLACE = 1
_EXCHANGE = 2
_NOT_HERE = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})


def rename_new(source: int, source_own: bytes, target: int, target_own: bytes) -> None:
    """Rename within two open directories. Raise FileExistsError when the target exists, as far as can be told."""
    if not _rename(source, source_own, target, target_own, _NO_REPLACE):
        os.rename(source_own, target_own, src_dir_fd=source, dst_dir_fd=target)


def exchange(source: int, source_own: bytes, target: int, target_own: bytes) -> bool:
    """Let two names change places, so that neither is ever missing. False where the file system can't do it."""
    return _rename(source, source_own, target, target_own, _EXCHANGE)


def sync_file_system(handle: int) -> None:
    """Make everything written to the file system of an open directory durable. Raise OSError when some of it failed."""
    call = _call("syncfs")
    if call is None:
        os.sync()
    elif call(handle) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _rename(source: int, source_own: bytes, target: int, target_own: bytes, flags: int) -> bool:
    call = _call("renameat2")
    if call is None:
        return False
    if call(source, source_own, target, target_own, ctypes.c_uint(flags)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_HERE:
        return False
    raise OSError(number, os.strerror(number), os.fsdecode(target_own))


def _call(name: str) -> t.Callable[..., int] | None:
    return getattr(ctypes.CDLL(None, use_errno=True), name, None)
