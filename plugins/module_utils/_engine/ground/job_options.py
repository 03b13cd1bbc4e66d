# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an option of a job may be: each check returns the value as a variable takes it, or raises UsageError."""

from __future__ import annotations

import typing as t

from .errors import UsageError
from .units import parse_duration, parse_size

if t.TYPE_CHECKING:
    from collections.abc import Callable

    Check: t.TypeAlias = Callable[[object, str], object]


def duration(value: object, field: str) -> object:
    parse_duration(str(value), field)
    return str(value)


def size(value: object, field: str) -> object:
    parse_size(str(value), field)
    return str(value)


def names(value: object, field: str) -> object:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed or not all(isinstance(name, str) and name for name in listed):
        raise _refused(value, field, "a list of names or patterns")
    return value


def _filled(kind: type, wanted: str) -> Check:
    """Return the check that a value is of this type, and not empty."""

    def check(value: object, field: str) -> object:
        if not isinstance(value, kind) or value in ("", {}):
            raise _refused(value, field, wanted)
        return value

    return check


def choice(*choices: str) -> Check:
    def check(value: object, field: str) -> object:
        if value not in choices:
            raise _refused(value, field, f"one of {', '.join(choices)}")
        return value

    return check


def whole(lowest: int, highest: int) -> Check:
    def check(value: object, field: str) -> object:
        digits = str(value)
        if isinstance(value, bool) or not digits.isdecimal() or not lowest <= int(digits) <= highest:
            raise _refused(value, field, f"a whole number from {lowest} to {highest}")
        return int(digits)

    return check


def _refused(value: object, field: str, wanted: str) -> UsageError:
    return UsageError(f"{field} cannot be {value!r}.", f"Use {wanted}.", field=field)


text = _filled(str, "a text")
mapping = _filled(dict, "a policy like lifeboat_retention")
yes_or_no = _filled(bool, "true or false")
