# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Where a recovery is to end: as people write it, and as PostgreSQL's settings take it ("Recovery Target").
"""

from __future__ import annotations

import dataclasses
import re
import typing as t
from datetime import UTC, datetime

from ...drivers.components.postgres import wal_files
from ...ground.errors import UsageError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

LATEST, IMMEDIATE = "latest", "immediate"
WORDS = (LATEST, IMMEDIATE)
KINDS = ("time", "lsn", "xid", "name")

_NAME_BYTES = 63
_XID = re.compile(r"[0-9]{1,20}")
_FIELD = "target"


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """
    One of them: `kind` is `latest`, `immediate`, or what `value` is, which is as PostgreSQL takes it.

    With `exclusive` the transaction or the position itself is left out. `at` is the moment of a `time`, `position` that
    of an `lsn`.
    """

    kind: str
    value: str = ""
    exclusive: bool = False
    at: datetime | None = None
    position: int | None = None

    def __str__(self) -> str:
        if self.kind in WORDS:
            return self.kind
        return f"{self.kind} {self.value}" + (", exclusive" if self.exclusive else "")

    @property
    def settings(self) -> dict[str, str]:
        """The server's settings that end a recovery there, and leave it paused. `latest` has none, and no end."""
        if self.kind == LATEST:
            return {}
        if self.kind == IMMEDIATE:
            return {"recovery_target": IMMEDIATE, "recovery_target_action": "pause"}
        named = {f"recovery_target_{self.kind}": self.value, "recovery_target_action": "pause"}
        return named | {"recovery_target_inclusive": "off" if self.exclusive else "on"}


def parse(given: object, *, exclusive: bool = False) -> Target:
    """
    Read `latest`, `immediate`, or a mapping with one of time, lsn, xid and name. Raise UsageError for anything else.

    A time without a zone means another moment on every host, and is refused.
    """
    if given in WORDS:
        return Target(str(given))
    if not isinstance(given, dict) or len(given) != 1 or next(iter(given)) not in KINDS:
        raise UsageError(
            f"The target {given!r} is unknown.",
            f"Use {LATEST}, {IMMEDIATE}, or one of {', '.join(KINDS)} with its value, such as "
            "{time: '2026-11-28 14:05:00+01:00'}.",
            field=_FIELD,
        )
    kind, value = next(iter(t.cast("Mapping[str, object]", given).items()))
    return _READERS[kind](str(value).strip(), exclusive)


def _time(value: str, exclusive: bool) -> Target:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError(
            f"The target time {value!r} " + ("has no time zone." if at else "is no time."),
            "Use a time with its zone, such as 2026-11-28 14:05:00+01:00 or 2026-11-28T13:05:00Z.",
            field=_FIELD,
        )
    at = at.astimezone(UTC)
    return Target("time", f"{at:%Y-%m-%d %H:%M:%S.%f}+00", exclusive, at=at)


def _lsn(value: str, exclusive: bool) -> Target:
    try:
        position = wal_files.lsn(value)
    except ValueError as exc:
        raise UsageError(
            f"The target lsn {value!r} is no position.", "Use one such as 16/B374D848.", field=_FIELD
        ) from exc
    return Target("lsn", wal_files.shown(position), exclusive, position=position)


def _xid(value: str, exclusive: bool) -> Target:
    if not _XID.fullmatch(value) or not int(value):
        raise UsageError(
            f"The target xid {value!r} is no transaction id.", "Use the number of a transaction.", field=_FIELD
        )
    return Target("xid", value, exclusive)


def _name(value: str, exclusive: bool) -> Target:
    if not value or len(value.encode()) > _NAME_BYTES or not value.isprintable():
        raise UsageError(
            f"The target name {value!r} is no name of a restore point.",
            f"Use the name that pg_create_restore_point() was given, of at most {_NAME_BYTES} bytes.",
            field=_FIELD,
        )
    if exclusive:
        raise UsageError("A restore point has nothing to leave out.", "Leave out exclusive.", field="exclusive")
    return Target("name", value)


_READERS: Mapping[str, t.Callable[[str, bool], Target]] = {"time": _time, "lsn": _lsn, "xid": _xid, "name": _name}
