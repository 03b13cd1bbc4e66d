# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Who holds something that lies where others see it, and whether that process is known to be dead.

Known is only what this machine's kernel says about its own processes: the boot, the namespace of process ids, the id,
and the time at which the process started, since ids come again. Of everybody else nothing is known.
"""

from __future__ import annotations

import os
import platform
import typing as t

MACHINE = "/etc/machine-id"
BOOT = "/proc/sys/kernel/random/boot_id"


def stamp(pid: int | None = None) -> dict[str, t.Any]:
    """Return what names this process, or another one of this machine, for others to read."""
    pid = os.getpid() if pid is None else pid
    return {
        "host": platform.node(),
        "machine": _first_line(MACHINE),
        "boot": _first_line(BOOT),
        "ids": _namespace(),
        "pid": pid,
        "started": _started(pid),
    }


def is_dead(found: t.Any) -> bool:
    """Whether the process that made this stamp is known to have ended."""
    here = stamp()
    if not isinstance(found, dict) or not all(found.get(key) and here[key] for key in here):
        return False
    if any(found[key] != here[key] for key in ("host", "machine")):
        return False
    if found["boot"] != here["boot"]:
        return True
    return found["ids"] == here["ids"] and _has_ended(found["pid"], found["started"])


def lives(pid: int) -> bool:
    """Whether a process of this number runs here."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass  # somebody else's process lives under that id
    return pid > 0


def _has_ended(pid: t.Any, at: t.Any) -> bool:
    if not isinstance(pid, int) or pid <= 0:
        return False
    if not lives(pid):
        return True
    started = _started(pid)
    return bool(started) and started != at


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.readline(256).strip()
    except (OSError, ValueError):
        return ""


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return the time at which a process started, in ticks since the boot, or nothing where it is not to be seen."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name before it, in parentheses, may hold anything.
            return file.read().rpartition(b")")[2].split()[19].decode("ascii")
    except (OSError, IndexError, ValueError):
        return ""
