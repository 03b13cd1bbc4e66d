# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Be another user of the operating system for a moment: for servers that ask the kernel who it is that connects."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import pwd
import typing as t

from .errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def acting_as(user: str, field: str) -> Iterator[None]:
    """
    Have the user and the group of `user` while the block runs; with an empty name nothing changes.

    Raise UsageError, with `field`, where there is no such user, or this process may not be it.
    """
    if not user:
        yield
        return
    try:
        found = pwd.getpwnam(user)
    except KeyError as exc:
        raise UsageError(f"The operating system has no user {user!r}.", f"Correct {field}.", field=field) from exc
    own = (os.geteuid(), os.getegid())
    if own[0] == found.pw_uid:
        yield
        return
    try:
        _become(found.pw_uid, found.pw_gid)
    except PermissionError as exc:
        raise UsageError(
            f"This process may not become the user {user!r}.", f"Run as root, or leave {field} out.", field=field
        ) from exc
    try:
        yield
    finally:
        _become(*own, back=True)


def _become(uid: int, gid: int, *, back: bool = False) -> None:
    """
    Set the effective user and group of this thread, and of no other: those go on as who they are.

    The C library would set them for all threads, so that the kernel is asked by itself.
    """
    if platform.machine() not in _CALLS:
        for change, number in _ordered((os.setegid, gid), (os.seteuid, uid), back=back):
            change(number)
        return
    set_group, set_user = _CALLS[platform.machine()]
    call = ctypes.CDLL(None, use_errno=True).syscall
    for number, wanted in _ordered((set_group, gid), (set_user, uid), back=back):
        if call(ctypes.c_long(number), ctypes.c_long(-1), ctypes.c_long(wanted), ctypes.c_long(-1)):
            raise PermissionError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _ordered(group: t.Any, user: t.Any, *, back: bool) -> tuple[t.Any, t.Any]:
    """Return the change of the group while the right for it is there: before that of the user, and after it back."""
    return (user, group) if back else (group, user)


_CALLS = {"x86_64": (119, 117), "aarch64": (149, 147)}
"""The numbers of setresgid and setresuid, by machine."""
