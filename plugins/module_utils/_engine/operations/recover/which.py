# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which recovery a run goes on with: the one that is named, the last one of its plan, or another that begins."""

from __future__ import annotations

import datetime
import json
import typing as t

from ...ground.errors import NotFound, Tampered, UsageError
from ...records.recovery import holding
from ...records.recovery.events import DRILL
from ...records.recovery.journal import RecoveryJournal

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ...records.recovery.events import Mode
    from ...records.recovery.journal import Place
    from ...records.recovery.state import State

NEW = "new"
"""What is given for an id to begin another recovery."""

RECENT = datetime.timedelta(hours=24)
"""How long after its last event a recovery is resumed without being named, and one that ended well is left alone."""


class Asked(t.NamedTuple):
    """
    What a run asks for; `process` is the stamp of who runs it, `recovery_id` may be empty, an id, or `new`. `replace`
    and `failover` are the hosts in whose place others stand, `target` is the moment to which servers are recovered.
    """

    plan: str
    mode: Mode
    recovery_id: str
    takeover: bool
    process: Mapping[str, t.Any]
    now: datetime.datetime
    replace: Mapping[str, str]
    failover: Mapping[str, str]
    target: object = None

    def is_about(self, state: State) -> bool:
        """Whether no other host is named than those that took part in a recovery, and no other moment."""
        opened = state.opened
        same = self.target is None or self.target == json.loads(state.target or "null")
        hosts = self.replace.items() <= opened.replace.items() and self.failover.items() <= opened.failover.items()
        return same and hosts


class Found(t.NamedTuple):
    """
    The recovery to go on with, read whole; None where another is to begin. Of those that were looked at, which are
    `over`, and what to say about others. `interrupted` is a drill that nobody will go on with.
    """

    journal: RecoveryJournal | None
    over: tuple[RecoveryJournal, ...] = ()
    warnings: tuple[str, ...] = ()
    interrupted: RecoveryJournal | None = None


def find(place: Place, asked: Asked) -> Found:
    """
    Return the recovery to go on with.

    Raise Busy when somebody is at work, NotFound where the named one does not exist, UsageError where one has to be
    named.
    """
    known = place.recoveries(asked.mode)
    if asked.recovery_id not in {"", NEW}:
        if asked.recovery_id not in known:
            raise place.down or NotFound(
                f"There is no {asked.mode} {asked.recovery_id} of {place.application}.",
                "Check recovery_id; leave it out to begin or resume one.",
            )
        if asked.mode != DRILL:
            named = RecoveryJournal(place, asked.mode, asked.recovery_id).read()
            require_usable(named.state, asked)
            return Found(named, (named,) if named.state.closed else ())
    problems: list[str] = []
    if asked.mode == DRILL:
        return _another_drill(next(_believed(place, asked.mode, known, problems), None), asked, problems)
    own = last = None
    for journal in _believed(place, asked.mode, known, problems):
        last = last or journal
        if journal.state.plan.name == asked.plan:
            own = journal
            break
    first, second = (journal.read().state if journal else None for journal in (own, last))
    over = tuple(journal for journal in dict.fromkeys((own, last)) if journal and journal.state.closed)
    return Found(own if decide(first, second, asked, known) else None, over, tuple(problems))


def decide(own: State | None, last: State | None, asked: Asked, here: Mapping[str, bool]) -> bool:
    """
    Whether the last recovery of the plan is gone on with, where none is named. `last` is the last one of any plan.

    `here` tells which ran on this host. Raise Busy or UsageError where neither that nor another may be done.
    """
    for state in filter(None, (own, last)):
        takes = asked.takeover and state is own and asked.recovery_id != NEW
        if not takes and not holding.is_free(state, asked.process):
            raise holding.busy(state)
    if asked.recovery_id == NEW:
        return False
    if own and not own.closed:
        if not here[own.recovery_id] or asked.now - own.last_at > RECENT:
            raise _unfinished(own)
        return True
    if last and not last.closed:
        raise _unfinished(last)
    if own is None or own.closed != "ok" or asked.now - own.last_at > RECENT:
        return False
    # After another recovery, or for other hosts, there is something to do again, however short ago this one ended.
    return last is not None and last.recovery_id == own.recovery_id and asked.is_about(own)


def _another_drill(last: RecoveryJournal | None, asked: Asked, problems: Iterable[str]) -> Found:
    """
    Return that another drill begins: none is resumed, and its hosts must be as they were before it.

    Raise Busy while the last one may still be at work, UsageError where another one is named.
    """
    state = last.read().state if last else None
    if asked.recovery_id not in {"", NEW, state.recovery_id if state and not state.closed else ""}:
        raise UsageError(
            f"{asked.recovery_id} is over, and a drill is never resumed.",
            "Leave recovery_id (lifeboat_recovery_id) out to begin another.",
            field="recovery_id",
        )
    if last is None or state is None:
        return Found(None, (), tuple(problems))
    if state.closed:
        return Found(None, (last,), tuple(problems))
    if not asked.takeover and not holding.is_free(state, asked.process):
        raise holding.busy(state)
    return Found(None, (), tuple(problems), interrupted=last)


def require_usable(state: State, asked: Asked) -> None:
    """Raise UsageError when it is one of another plan, or over and of other hosts, Busy when it is somebody else's."""
    if state.plan.name != asked.plan:
        raise UsageError(
            f"{state.recovery_id} is a recovery of plan {state.plan.name}, not of {asked.plan}.",
            "Name the recovery of this plan, or run the other plan.",
            field="recovery_id",
        )
    if state.closed and not asked.is_about(state):
        raise UsageError(
            f"{state.recovery_id} is over, and other hosts took part in it than replace and failover name, or it had "
            "another target.",
            f"Set recovery_id (lifeboat_recovery_id) to {NEW} to begin another.",
            field="recovery_id",
        )
    if not asked.takeover and not holding.is_free(state, asked.process):
        raise holding.busy(state)


def _believed(place: Place, mode: Mode, known: Iterable[str], problems: list[str]) -> Iterator[RecoveryJournal]:
    """
    Yield those whose first event, which is all that is read of them, can be believed; the others are `problems`.

    Whoever may write to the store can put something there, and must not be able to stop a recovery by it.
    """
    for identity in known:
        journal = RecoveryJournal(place, mode, identity)
        try:
            journal.begin()
        except (NotFound, Tampered) as exc:
            problems.append(f"{identity} was passed over: {exc.cause}")
        else:
            yield journal


def _unfinished(state: State) -> UsageError:
    about = [f"plan {state.plan.name}", f"last event at {state.last_at:%Y-%m-%d %H:%M} UTC on {state.run.host}"]
    return UsageError(
        f"{state.recovery_id} is unfinished: {', '.join(about)}.",
        f"Set recovery_id (lifeboat_recovery_id) to {state.recovery_id} to go on, or to {NEW} to begin another.",
        field="recovery_id",
        recovery_id=state.recovery_id,
    )
