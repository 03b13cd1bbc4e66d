# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan and its steps may say, key by key, and how each value is checked."""

from __future__ import annotations

import typing as t

from ...ground import entries
from ...ground import job_options as options
from ...ground.errors import UsageError
from ...ground.units import parse_duration
from ..checks import parsing as checks

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def nearest(given: str, allowed: Iterable[str]) -> str:
    """Return a sentence that offers what was probably meant, or nothing."""
    close = entries.nearest(given, allowed)
    return f" Did you mean {close}?" if close else ""


def expressions(value: object, field: str) -> object:
    """Return a list of expressions, which may be given as one."""
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(item, str | bool) and item != "" for item in listed):
        raise UsageError(f"{field} cannot be {value!r}.", "Use an expression, or a list of them.", field=field)
    return [str(item) for item in listed]


def _seconds(value: object, field: str) -> object:
    return parse_duration(str(value), field)


def _variables(value: object, field: str) -> object:
    if not isinstance(value, dict) or not all(isinstance(key, str) and key.isidentifier() for key in value):
        raise UsageError(f"{field} is not a dictionary of variables.", "Use names and values.", field=field)
    return value


def _checks(value: object, field: str) -> object:
    if not isinstance(value, list):
        raise UsageError(f"{field} is not a list of checks.", "See docs/application.md for what each kind asks.")
    checks.parse(value, field)
    return value


KEYS: Mapping[str, Callable[[object, str], object]] = {
    "hosts": options.text,
    "component": options.text,
    "vars": _variables,
    "when": expressions,
    "require": expressions,
    "approval": options.text,
    "timeout": _seconds,
    "retries": options.whole(0, 10),
    "on_failure": options.choice("stop", "continue"),
    "become": options.yes_or_no,
    "gather_facts": options.yes_or_no,
    "checks": _checks,
    "drill": options.yes_or_no,
}
"""What a step may say beside its id and what it does, and how it is checked."""
