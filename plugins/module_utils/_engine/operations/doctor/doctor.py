# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Use case: is everything in order for the next backup, and for the restore that may be needed tonight?

Each check stands for itself: one that fails keeps no other from being made. Nothing is changed, and what is tried in
the store leaves nothing there.
"""

from __future__ import annotations

import itertools
import typing as t

from ...drivers.components.postgres import accepted
from ...drivers.stores.settings import Patience
from ...ground.errors import RecoveryError, Unhealthy, UsageError
from ...ground.model import Outcome
from ...ground.units import human_count, parse_duration
from ...records.repository import catalogue
from . import database, history, host, keys, kit, log_archive, recovery, schedule, store
from .check import ORDER, Case, Check, ExamineRequest, Limits, failed, ok, refused, worst

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ...ground.model import World

__all__ = ["Check", "ExamineRequest", "Limits", "examine", "limits", "make_checks", "report"]

PATIENCE = Patience(request=20, retries=1)
"""With a store that does not answer: whoever asks how a host is does not wait for the minutes that a backup waits."""

FAIL_ON = ("failed", "warning", "never")

MANY = 6
SHOWN = 3
"""Of more than so many checks of one name and result, so many are shown."""

_DURATIONS = ("backup_age", "restore_tested_age", "clock_skew")
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
            wanted = f"Use a number from {low} to {high}." if key in _NUMBERS else f"Use some of {known}."
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
        raise UsageError(f"There is no check {unknown[0]!r}.", f"Use some of {', '.join(NAMES)}.", field="checks")
    if request.fail_on not in FAIL_ON:
        raise UsageError(f"fail_on cannot be {request.fail_on!r}.", f"Use {', '.join(FAIL_ON)}.", field="fail_on")
    checks = make_checks(request, world)
    found = worst(checks)
    counts = {name: sum(check.result == name for check in checks) for name in ORDER}
    said = f"{counts['failed']} failed, {counts['warning']} warnings, {counts['ok']} ok."
    summary = f"{human_count(len(checks), 'check')}: {said}"
    facts = {
        "health": found,
        "checks": [check.record() for check in checks],
        "counts": counts,
        "table": report(checks),
        "summary": summary,
    }
    if request.fail_on != "never" and ORDER.index(found) >= ORDER.index(t.cast("t.Any", request.fail_on)):
        first = next(check for check in checks if check.result == found)
        verb = "failed" if found == "failed" else "warns"
        raise Unhealthy(f"{summary} The first that {verb}: {first.cause}", first.remedy, **facts)
    warnings = tuple(f"{check.name}: {check.cause} {check.remedy}" for check in checks if check.result == "warning")
    return Outcome(changed=False, facts=facts, warnings=warnings)


def make_checks(request: ExamineRequest, world: World) -> list[Check]:
    """Make the checks that are asked for, the worst first."""
    case = Case(request, world)
    checks = [_configuration(case)]
    for area in _AREAS:
        if not request.only or area.needed_for & set(request.only):
            checks += _made(area, case)
    return sorted(_wanted(checks, request.only), key=lambda check: -ORDER.index(check.result))


def _wanted(checks: list[Check], only: tuple[str, ...]) -> list[Check]:
    """Return the checks that are asked for, and where one of them could not be made, what stood in its way."""
    wanted = [check for check in checks if not only or check.name in only]
    if set(only) <= {check.name for check in wanted}:
        return wanted
    return [check for check in checks if check in wanted or (check.name in _FIRST and check.result == "failed")]


def report(checks: Sequence[Check]) -> list[str]:
    """
    Return the checks as lines for a terminal, those of one name and result together, and of many only some.

    What fifty databases have in common is shown by a few of them.
    """
    groups: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        groups.setdefault((check.result, check.name), []).append(check)
    lines = []
    for (result, name), alike in groups.items():
        shown = alike if len(alike) <= MANY else alike[:SHOWN]
        for check, following in itertools.zip_longest(shown, shown[1:]):
            lines.append(f"{_SIGNS[check.result]}  {name}: {check.cause}")
            if check.remedy and (following is None or following.remedy != check.remedy):
                lines.append(f"{'':9}{check.remedy}")
        if len(shown) < len(alike):
            lines.append(f"{_SIGNS[t.cast('t.Any', result)]}  {name}: and {len(alike) - len(shown)} more of these")
    return lines


def _configuration(case: Case) -> Check:
    """Open the repository, which reads every setting of it."""
    try:
        accepted.check(case.request.accept_warnings)
        case.opened = catalogue.open_repository(case.request.repository, case.world, patience=PATIENCE)
    except UsageError as exc:
        return refused("configuration", exc)
    except RecoveryError as exc:
        # The settings make sense; what else stands in the way is the business of the store or of the keys.
        case.problem = exc
        return ok("configuration", f"The settings of {case.application} are valid.")
    return ok("configuration", f"The settings of {case.application} are valid.", store=case.opened.store.url)


class _Area(t.NamedTuple):
    """Checks that are made together: the name that a failure of all goes by, and what they are needed for."""

    name: str
    examine: Callable[[Case], Iterator[Check]]
    needed_for: frozenset[str]


def _made(area: _Area, case: Case) -> list[Check]:
    made: list[Check] = []
    only = set(case.request.only)
    name = area.name if not only or area.name in only else min(area.needed_for & only)
    try:
        made.extend(area.examine(case))
    except RecoveryError as exc:
        made.append(refused(name, exc))
    except Exception as exc:  # noqa: BLE001 - whoever watches a host must hear of it, and of the other checks
        said = exc.strerror if isinstance(exc, OSError) and exc.strerror else f"{type(exc).__name__}: {exc}"
        made.append(failed(name, f"A check could not be run: {said}.", _LOOK))
    return made


_LOOK = "Check the path in the message, or report a bug if it has none."

_FIRST = frozenset({"configuration", "connection", "databases", "store"})
"""What fails so that other checks cannot be made."""

_HOST = frozenset({"key_files", "leftovers", "libraries", "state"})
_DATABASE = frozenset({"connection", "databases", "leftovers", "programs", "rights", "server_record"})
_STORE = frozenset({"catalogue", "clock", "lifecycle", "store"})
_KEYS = frozenset({"recipients", "signer", "trust"})
_AGES = frozenset({"anomalies", "backup_age", "restore_tested_age"})
_RECOVERY = frozenset({"drill", "recovery_time"})
_RUNS = frozenset({"audit_log", "last_runs", "success_rate"})
_ARCHIVE = frozenset({"archive_files", "archive_signer", "archive_timeout", "archiving", "replication_slots"})
_ROOM = frozenset({"scratch_space", "store_space"})

# The database comes before the store: it says what there should be backups of.
_AREAS: Sequence[_Area] = (
    _Area("state", host.examine, _HOST),
    _Area("connection", database.examine, _DATABASE | _KEYS | _AGES | {"last_runs"}),
    _Area("store", store.examine, _STORE | _KEYS | _AGES | _ROOM | _RECOVERY),
    _Area("trust", keys.examine, _KEYS),
    _Area("archiving", log_archive.examine, _ARCHIVE),
    _Area("kit", kit.examine, frozenset({"kit"})),
    _Area("last_runs", history.examine, _AGES | _RUNS),
    _Area("recovery_time", recovery.examine, _RECOVERY),
    _Area("schedule", schedule.examine, frozenset({"schedule"})),
    _Area("store_space", host.room, _ROOM),
)

NAMES = tuple(sorted({"configuration", *(name for area in _AREAS for name in area.needed_for)}))
"""Every check there is."""
