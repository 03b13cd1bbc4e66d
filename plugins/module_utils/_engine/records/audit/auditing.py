# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What of a run belongs into the audit log: whose work it was, on what, how it ended, and the sizes that tell about it.

Only named facts pass, and only scalars: names within the data and its values have no place in a file that is not
encrypted. A message may name what is wrong; where it does, it stands there without the name as well.
"""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ...ground import redaction
from ...ground.errors import RecoveryError, UsageError
from ...ground.verbs import OPERATIONS, VERBS
from ..repository import names as repository
from . import log as audit

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ...ground.model import Outcome

ENDED = "Ended"
"""The error of a run that somebody asked to end."""

KEPT = {"action", "error", "exit_status", "field", "ratio"}.union(*(verb.figures for verb in VERBS))
"""The facts that are kept. Of a list, how long it is."""

_MAIN = tuple(name for verb in VERBS for name in verb.facts)

_FROM_OPTIONS = ("state", "strategy", "ticket", "type", "level", "force")


def events(
    operation: str,
    options: Mapping[str, t.Any],
    ended: Outcome | BaseException,
    *,
    now: datetime,
    host: str,
    os_user: str,
    seconds: float,
    job: str = "",
) -> list[audit.Event]:
    """
    Return what a run, whose options say its `component`, leaves in the log: how it ended, after what it deleted.

    `job` is the one of the schedule that it belongs to.
    """
    changed = not isinstance(ended, BaseException) and ended.changed
    if not isinstance(ended, BaseException) and not changed and OPERATIONS[operation].unchanged == "nothing":
        return []
    flat = _flat(_details(ended) if isinstance(ended, BaseException) else ended.facts)
    whole = audit.Event(
        time=now,
        operation=operation,
        result=_result(ended),
        host=host,
        user=str(options.get("requested_by") or os_user),
        application=str(options.get("application") or ""),
        component=str(flat.get("component") or options.get("component") or ""),
        backup_id=_backup_id(flat, options),
        reason=str(flat.get("reason") or options.get("reason") or ""),
        seconds=seconds,
        message=_message(ended),
        facts=_facts(flat, options)
        | _redacted(ended)
        | {"changed": changed, "os_user": os_user}
        | ({"job": job} if job else {}),
    )
    return [*_deletions(whole, flat), whole]


def _redacted(ended: Outcome | BaseException) -> dict[str, audit.Fact]:
    if not isinstance(ended, RecoveryError) or not ended.names:
        return {}
    return {audit.REDACTED: redaction.without(ended.cause, ended.names)}


def stopped(asked: SystemExit) -> str:
    """Return how a run was ended by a signal, with what is noted about it on the way out."""
    return " ".join((f"{asked} ended this run.", *getattr(asked, "__notes__", ())))


def _deletions(whole: audit.Event, flat: Mapping[str, t.Any]) -> Iterable[audit.Event]:
    """Yield an event of each backup that retention took away, also before it failed: a number would not say which."""
    if whole.operation != "retention":
        return
    gone = set(flat.get("deleted_backups") or ())
    for decision in flat.get("decisions") or ():
        if decision["action"] == "delete" and decision["backup_id"] in gone:
            yield dataclasses.replace(
                whole,
                result="ok",
                component=str(decision["component"]),
                backup_id=str(decision["backup_id"]),
                seconds=0.0,
                message=f"deleted: {'; '.join(map(str, decision['reasons']))}",
                facts={"action": audit.DELETED, "size": int(decision["size"]), "os_user": whole.facts["os_user"]},
            )


def _result(ended: Outcome | BaseException) -> str:
    if not isinstance(ended, BaseException):
        return "ok"
    if isinstance(ended, UsageError):
        return "refused"
    return "stopped" if _details(ended)["error"] == ENDED else "failed"


def _message(ended: Outcome | BaseException) -> str:
    if isinstance(ended, RecoveryError):
        return ended.cause
    if isinstance(ended, SystemExit):
        return stopped(ended)
    if isinstance(ended, BaseException):
        # What an unexpected error says may hold anything, also what must not be written down.
        return f"An unexpected error, {type(ended).__name__}; the output of the run shows it."
    return str(ended.facts.get("summary") or "")


def _details(error: BaseException) -> dict[str, t.Any]:
    details = error.details if isinstance(error, RecoveryError) else {}
    return {"error": type(error).__name__, **details}


def _flat(told: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the facts with those of the main one beside them."""
    main: Mapping[str, t.Any] = next((told[name] for name in _MAIN if isinstance(told.get(name), dict)), {})
    return {**told, **main}


def _backup_id(flat: Mapping[str, t.Any], options: Mapping[str, t.Any]) -> str:
    """Return the backup, if it is one: an id that was asked for counts where the run did not come to name it."""
    several = flat.get("backups")
    only = several[0] if isinstance(several, list | tuple) and len(several) == 1 else ""
    asked = str(options.get("backup") or options.get("backup_id") or "")
    found = flat.get("backup_id") or only or (asked if repository.BACKUP_ID.fullmatch(asked) else "")
    return found if isinstance(found, str) else ""


def _facts(flat: Mapping[str, t.Any], options: Mapping[str, t.Any]) -> dict[str, audit.Fact]:
    chosen: Iterable[tuple[str, t.Any]] = [
        *((name, options.get(name)) for name in _FROM_OPTIONS),
        *((name, flat[name]) for name in sorted(KEPT & flat.keys())),
    ]
    facts = {name: fact for name, fact in ((name, _scalar(value)) for name, value in chosen) if fact is not None}
    size, plain = facts.get("size"), facts.get("plain_size")
    if isinstance(size, int) and isinstance(plain, int) and size > 0 and plain > 0:
        facts["ratio"] = round(plain / size, 3)
    return facts


def _scalar(value: object) -> audit.Fact | None:
    if isinstance(value, list | tuple | set | frozenset):
        return len(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int | str) and value != "" else None
