# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The settings that make a server a standby of another, in `postgresql.auto.conf` of its data directory.

That is where PostgreSQL's own tools put them, and `ALTER SYSTEM`. The other lines of the file stay.
"""

from __future__ import annotations

import os
import re
import typing as t

from ....ground import disk
from ....ground.errors import NotFound
from .replication import STANDBY_SIGNAL

if t.TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "postgresql.auto.conf"
_MODE = 0o600
_NAMED = re.compile(r"\s*([a-z_]+)\s*=?")


def settings(conninfo: str, slot: str) -> dict[str, str]:
    """Return the settings of a standby."""
    return {"primary_conninfo": conninfo, "primary_slot_name": slot, "recovery_target_timeline": "latest"}


def is_written(data_dir: str, wanted: Mapping[str, str]) -> bool:
    """Whether the file says this, and the server starts as a standby."""
    lines = _lines(data_dir)
    signal = os.path.exists(os.path.join(data_dir, STANDBY_SIGNAL))
    return signal and [line for line in lines if _name(line) in wanted] == _written(wanted)


def write(data_dir: str, wanted: Mapping[str, str]) -> None:
    """Write the settings, and what makes the server start as a standby."""
    kept = [line for line in _lines(data_dir) if _name(line) not in wanted]
    text = "\n".join([*kept, *_written(wanted)]) + "\n"
    disk.write_atomically(os.path.join(data_dir, FILE), [text.encode("utf-8", "surrogateescape")], mode=_MODE)
    mark(data_dir)


def mark(data_dir: str) -> None:
    """Make the server start as a standby, whoever starts it."""
    disk.write_atomically(os.path.join(data_dir, STANDBY_SIGNAL), [b""], mode=_MODE)


def _lines(data_dir: str) -> list[str]:
    try:
        data = b"".join(disk.read_blocks(os.path.join(data_dir, FILE)))
    except NotFound:
        return []
    return data.decode("utf-8", "surrogateescape").splitlines()


def _written(wanted: Mapping[str, str]) -> list[str]:
    # The server takes a backslash for the beginning of an escape.
    doubled = {name: value.replace("\\", "\\\\").replace("'", "''") for name, value in wanted.items()}
    return [f"{name} = '{value}'" for name, value in doubled.items()]


def _name(line: str) -> str:
    found = _NAMED.match(line)
    return found[1] if found else ""
