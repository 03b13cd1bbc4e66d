# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
A copy of a server replays the log to its target in private, and is asked whether it is there before it may go on.

PostgreSQL itself promotes where the log ends, wherever that is. So it is told to pause at the target, and what it says
is compared with what was asked for. Where there is no target, it replays as a standby does, which never ends by itself.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import typing as t

from ...drivers.components.postgres import wal_files
from ...drivers.components.postgres.recovering_server import RECOVERY_SIGNAL
from ...drivers.components.postgres.replication import STANDBY_SIGNAL
from ...ground import disk
from ...ground.errors import DatabaseError, RecoveryError
from ...records.wal import targets
from ...records.wal.bases import range_of
from ..wal import feed_client
from ..wal.feeding import Feed

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping

    from ...drivers.components.postgres.recovering_server import RecoveringServer, State
    from ...ground.model import World
    from ...records.repository.catalogue import Backup
    from .knowing import Known
    from .plan import Plan
    from .staging import Stage

STEP = 0.2
"""Seconds between two looks at how far it is."""

PYTHON = "/usr/bin/python3"
"""What runs the server's side of the feed: its user has no business in our runtime."""

RETRYING = "500ms"
"""How soon a standby asks again for what it did not get."""

TWICE = 2
"""How often a segment is given to a server that stands before that says something: the first time it may be reading."""

PROMOTING = 600
"""Seconds in which a promotion ends: a checkpoint of all that was replayed."""

REPEATED = 12
"""How often a server asks for a segment that it has, before it is plain that it cannot read it."""

ENDING = 50
"""Looks at a server that may be about to end."""

_STOPPED = re.compile(r"recovery stopping (before|after) (.+)|recovery stopping at restore point \"(.+?)\"")
_FATAL = re.compile(r"^(?:FATAL|PANIC):  (.+)$", re.MULTILINE)
_ENDED_EARLY = "recovery ended before configured recovery target was reached"


class Unreadable(DatabaseError):
    """The log is stored, and PostgreSQL cannot read all of it: it ends within what is there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reached:
    """
    Where a recovery ended: what the server said, the position, when the last transaction ended that is in it, and its
    newest heartbeat, where it has one that could be read.
    """

    said: str
    position: int
    last_end: datetime.datetime | None
    heartbeat: datetime.datetime | None = None
    warnings: tuple[str, ...] = ()


def feed_of(known: Known, backup: Backup, plan: Plan, stage: Stage, *, last: int | None) -> Feed:
    """Return what feeds a recovery from a backup in its stage; behind segment `last` a hole is as good as the end."""
    needs = range_of(backup)
    return Feed(
        known.sources,
        stage.feed,
        plan.branch,
        (stage.owner.uid, stage.owner.gid),
        last=last,
        held=needs.segments if needs.included else range(0),
    )


def replay(plan: Plan, server: RecoveringServer, feed: Feed, world: World, note: Callable[[int], None]) -> Reached:
    """
    Let the copy replay to the plan's target, and stop there. `note` gets the position as it goes, and at first 0.

    Raise DatabaseError where it ends anywhere else, and what kept the feed from giving a file.
    """
    server.prepare(STANDBY_SIGNAL if plan.target.kind == targets.LATEST else RECOVERY_SIGNAL)
    settings = {
        "restore_command": restore_command(feed),
        "archive_mode": "on",  # so that what it writes after the promotion waits for the archive
        "recovery_target_timeline": str(plan.branch.timeline),
        **plan.target.settings,
    }
    if plan.target.kind == targets.LATEST:
        settings["wal_retrieve_retry_interval"] = RETRYING
    server.start(settings)
    before, asked = None, feed.counted()
    while True:
        state = server.look()
        if state != before:
            asked = feed.counted()
        again = feed.counted() - asked
        if wanted := server.wanted():
            server.stop()
            settings |= wanted
            server.start(settings)
            asked = feed.counted()
        elif not server.alive:
            raise _died(plan, server, feed)
        elif state and (reached := _reached(plan, state, server, feed, again if state == before else None)):
            return reached
        _require_progress(state, server, again)
        note(state.replayed if state else 0)
        before = state
        world.sleep(STEP)


def with_heartbeat(reached: Reached, server: RecoveringServer) -> Reached:
    """
    Return it with the newest heartbeat, and with how far the server is after it: a copy that has no target may have
    gone on. Raise DatabaseError where the heartbeat was written after that.
    """
    try:
        newest = server.heartbeat()
    except RecoveryError as exc:
        return dataclasses.replace(reached, warnings=(f"The heartbeat of the copy could not be read: {exc.cause}",))
    if state := server.look():
        reached = dataclasses.replace(reached, position=state.replayed, last_end=state.last_end)
    if newest is None:
        return reached
    if newest.position > reached.position:
        raise DatabaseError(
            f"The copy stands at {wal_files.shown(reached.position)}, but its newest heartbeat was written at "
            f"{wal_files.shown(newest.position)}: what was replayed is not the log of one server.",
            "Nothing was replaced. If database postgres was restored from another server, use a target after its next "
            "heartbeat; else report this.",
        )
    return dataclasses.replace(reached, heartbeat=newest.at)


def promote(plan: Plan, server: RecoveringServer, feed: Feed, world: World) -> int:
    """End the recovery, and return the timeline that begins. Raise DatabaseError where it does not end."""
    try:
        ended = server.ask(f"SELECT pg_promote(true, {PROMOTING})") == [(True,)]
        server.checkpoint()
        timeline = int(server.ask("SELECT timeline_id FROM pg_control_checkpoint()")[0][0])
    except DatabaseError as exc:
        for _look in range(ENDING):  # whoever lost his session to it hears of it before it has ended
            if not server.alive:
                raise _died(plan, server, feed) from exc
            world.sleep(STEP)
        raise
    if not ended:
        raise DatabaseError("The copy did not end its recovery.", "Run this again; it goes on in the same copy.")
    return timeline


def restore_command(feed: Feed) -> str:
    """Return the command by which the server asks for files; its program lies where the server's user can read it."""
    program = os.path.join(feed.directory, "fetch.py")
    loader = t.cast("t.Any", feed_client.__spec__).loader
    disk.write_atomically(program, [loader.get_data(feed_client.__file__)], mode=0o644)
    words = [PYTHON, "-I", "-S", program, feed.directory]
    return " ".join(shlex.quote(word).replace("%", "%%") for word in words) + " %f %p"


def _reached(
    plan: Plan, state: State, server: RecoveringServer, feed: Feed, again: Mapping[str, int] | None
) -> Reached | None:
    """
    Return where the server stands if that is the target; `again` counts what it was given since it stands there,
    None where it did not before.

    Raise DatabaseError where it stands anywhere else.
    """
    if not state.recovering:
        raise DatabaseError("The copy ended its recovery by itself.", "Nothing was replaced. Report this.")
    if plan.target.kind == targets.LATEST:
        # It reads ahead, so that the end may have been met before all was replayed; more may be stored meanwhile.
        if again is not None and (
            feed.ended_after(plan.branch.timeline, plan.last) or _ended_within(plan, again, feed)
        ):
            return Reached("replayed all that is stored", state.replayed, state.last_end)
        return None
    if not state.paused:
        return None
    said = [match[0] for match in _STOPPED.finditer(server.log)]
    consistent = plan.target.kind == targets.IMMEDIATE and "consistent" in server.log
    if not said and not consistent:
        raise DatabaseError(f"The copy paused before {plan.target}: {_last(server.log)}", "Nothing was replaced.")
    _require_target(plan, state)
    return Reached(said[-1] if said else "its data are consistent", state.replayed, state.last_end)


def _ended_within(plan: Plan, again: Mapping[str, int], feed: Feed) -> bool:
    """Whether the log ends in its last segment, which is not whole: a server that does not get on asks for it again."""
    return any(times >= TWICE and feed.is_unfinished(name, plan.last) for name, times in again.items())


def _require_progress(state: State | None, server: RecoveringServer, again: Mapping[str, int]) -> None:
    """Raise Unreadable where the copy stands, and reads one segment again and again: it would do so for ever."""
    name = max(again, key=lambda one: again[one], default="")
    if not name or again[name] < REPEATED:
        return
    where = f" beyond {wal_files.shown(state.replayed)}" if state else ""
    raise Unreadable(
        f"The stored log cannot be read{where}, in {name}: {_last(server.log)}",
        "Nothing was replaced. Recover to a moment before it, and find out who stored that segment.",
        name=name,
    )


def _require_target(plan: Plan, state: State) -> None:
    target = plan.target
    late = (
        target.at is not None
        and state.last_end is not None
        and (state.last_end >= target.at if target.exclusive else state.last_end > target.at)
    )
    early = target.position is not None and state.replayed < target.position
    if late or early:
        raise DatabaseError(
            f"The copy stands at {wal_files.shown(state.replayed)}, after a transaction of {state.last_end}: that is "
            f"{'after' if late else 'before'} {target}.",
            "Nothing was replaced. Report this.",
        )


def _died(plan: Plan, server: RecoveringServer, feed: Feed) -> Exception:
    """Return why the server ended: what the feed could not give, else what it logged itself."""
    if feed.failures:
        return feed.failures[-1]
    log = server.log
    if _ENDED_EARLY in log:
        return Unreadable(
            f"The stored log ends before {plan.target}.", "Nothing was replaced. Use target: latest, or an earlier one."
        )
    found = _FATAL.findall(log)
    return DatabaseError(
        f"The copy does not recover: {found[-1] if found else _last(log)}", "Nothing was replaced.", log=log[-4000:]
    )


def _last(log: str) -> str:
    return log.strip().splitlines()[-1] if log.strip() else "it logged nothing"
