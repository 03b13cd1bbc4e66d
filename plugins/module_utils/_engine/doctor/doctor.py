# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Use case: is everything in order for the next backup, and for the restore that may be needed tonight?

Each check stands for itself: one that fails keeps no other from being made. Nothing is changed, and what is tried in
the store leaves nothing there.
"""

from __future__ import annotations

import typing as t

from ..catalogue import catalogue
from ..errors import RecoveryError, Unhealthy, UsageError
from ..model import Outcome
from ..units import parse_duration
from . import database, history, host, keys, store
from .check import ORDER, Case, Check, ExamineRequest, Limits, count, failed, ok, refused, worst

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..model import World

__all__ = ["Check", "ExamineRequest", "Limits", "examine", "limits", "make_checks", "report"]

FAIL_ON = ("failed", "warning", "never")

_DURATIONS = ("backup_age", "verified_age", "clock_skew")
_NUMBERS = {"success_rate": (0, 100), "storage_used": (1, 100), "min_recipients": (0, 16)}
_SIGNS = {"ok": "ok     ", "warning": "WARNING", "failed": "FAILED "}


def limits(options: Mapping[str, t.Any] | None, field: str = "limits") -> Limits:
    """Read the option of that name. Raise UsageError that names an unknown key or an impossible value."""
    read: dict[str, t.Any] = {}
    for key, value in (options or {}).items():
        if value is None:
            continue
        if key in _DURATIONS:
            read[key] = parse_duration(str(value), f"{field}.{key}")
            continue
        low, high = _NUMBERS.get(key, (0, -1))
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            known = ", ".join([*_DURATIONS, *_NUMBERS])
            wanted = f"Give a number from {low} to {high}." if key in _NUMBERS else f"Give some of {known}."
            raise UsageError(f"{field}.{key} cannot be {value!r}.", wanted, field=f"{field}.{key}")
        read[key] = value
    return Limits(**read)


def examine(request: ExamineRequest, world: World) -> Outcome:
    """
    Make all checks, and give them with the worst result.

    Raise Unhealthy when a check is as bad as `fail_on` says; its details hold all of them. Raise UsageError on an
    unknown check or a bad `fail_on`.
    """
    unknown = sorted(set(request.only) - set(NAMES))
    if unknown:
        raise UsageError(f"There is no check {unknown[0]!r}.", f"Give some of {', '.join(NAMES)}.", field="checks")
    if request.fail_on not in FAIL_ON:
        raise UsageError(f"fail_on cannot be {request.fail_on!r}.", f"Give {', '.join(FAIL_ON)}.", field="fail_on")
    checks = make_checks(request, world)
    found = worst(checks)
    counts = {name: sum(check.result == name for check in checks) for name in ORDER}
    summary = (
        f"{count(len(checks), 'check')}: {counts['failed']} failed, {counts['warning']} warn, {counts['ok']} in order."
    )
    facts = {
        "health": found,
        "checks": [check.record() for check in checks],
        "counts": counts,
        "table": report(checks),
        "summary": summary,
    }
    if request.fail_on != "never" and ORDER.index(found) >= ORDER.index(t.cast("t.Any", request.fail_on)):
        first = next(check for check in checks if check.result == found)
        raise Unhealthy(f"{summary} The first that {_verb(found)}: {first.cause}", first.remedy, **facts)
    warnings = tuple(f"{check.name}: {check.cause} {check.remedy}" for check in checks if check.result == "warning")
    return Outcome(changed=False, facts=facts, warnings=warnings)


def make_checks(request: ExamineRequest, world: World) -> list[Check]:
    """Make the checks that are asked for, the worst first."""
    case = Case(request, world)
    checks = [_configuration(case)]
    for area in _AREAS:
        if not request.only or area.needed_for & set(request.only):
            checks += _made(area, case)
    wanted = [check for check in checks if not request.only or check.name in request.only]
    return sorted(wanted, key=lambda check: -ORDER.index(check.result))


def report(checks: Sequence[Check]) -> list[str]:
    """Give the checks as lines for a terminal."""
    lines = []
    for check in checks:
        lines.append(f"{_SIGNS[check.result]}  {check.name}: {check.cause}")
        if check.remedy:
            lines.append(f"{'':9}{check.remedy}")
    return lines


def _configuration(case: Case) -> Check:
    """Open the repository, which reads every setting of it."""
    try:
        case.opened = catalogue.open_repository(case.request.repository, case.world)
    except UsageError as exc:
        return refused("configuration", exc)
    except RecoveryError as exc:
        # The settings make sense; what else stands in the way is the business of the store or of the keys.
        case.problem = exc
        return ok("configuration", f"The settings of {case.application} make sense.")
    return ok("configuration", f"The settings of {case.application} make sense.", store=case.opened.store.url)


class _Area(t.NamedTuple):
    """Checks that are made together: the name that a failure of all goes by, and what cannot be checked without."""

    name: str
    examine: Callable[[Case], Iterator[Check]]
    needed_for: frozenset[str]


def _made(area: _Area, case: Case) -> list[Check]:
    made: list[Check] = []
    try:
        made.extend(area.examine(case))
    except RecoveryError as exc:
        made.append(refused(area.name, exc))
    except OSError as exc:
        made.append(failed(area.name, f"A check could not be made: {exc.strerror}.", "Look into the path it names."))
    return made


_HOST = frozenset({"key_files", "leftovers", "libraries", "state"})
_DATABASE = frozenset({"connection", "databases", "leftovers", "programs", "rights"})
_STORE = frozenset({"catalogue", "clock", "store"})
_KEYS = frozenset({"recipients", "signer", "trust"})
_AGES = frozenset({"anomalies", "backup_age", "verified_age"})
_RUNS = frozenset({"audit_log", "last_runs", "schedule", "success_rate"})
_ROOM = frozenset({"scratch_space", "store_space"})

# The database comes before the store: it says what there should be backups of.
_AREAS: Sequence[_Area] = (
    _Area("state", host.examine, _HOST),
    _Area("connection", database.examine, _DATABASE | _KEYS | _AGES),
    _Area("store", store.examine, _STORE | _KEYS | _AGES | _ROOM),
    _Area("trust", keys.examine, _KEYS),
    _Area("last_runs", history.examine, _AGES | _RUNS),
    _Area("store_space", host.room, _ROOM),
)

NAMES = tuple(sorted({"configuration", *(name for area in _AREAS for name in area.needed_for)}))
"""Every check there is."""


def _verb(result: str) -> str:
    return "failed" if result == "failed" else "warns"
