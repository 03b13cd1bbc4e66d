# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: make a standby the primary, and say what is lost by that.

A standby knows what it received, and not what it did not. So what the former primary wrote after that is told where its
files can be read (see `looking`), and otherwise only how old the last change is that arrived.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground import units
from ...ground.errors import DatabaseError, ProcessFailed
from ...ground.model import Outcome
from .looking import require_running

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping

    from ...drivers.components.postgres.replication import LocalServer
    from ...ground.model import World


@dataclasses.dataclass(frozen=True, slots=True)
class PromoteRequest:
    """
    Which standby. A primary is taken for one that this recovery promoted if that was after `since`, or at any time
    without it. `timeout` is seconds.
    """

    server: LocalServer
    since: datetime.datetime | None
    timeout: float


def promote(request: PromoteRequest, world: World) -> Outcome:
    """Promote the standby, and wait until it takes writes. Raise DatabaseError where it is none, or does not end."""
    before = require_running(request.server)
    if not before["in_recovery"]:
        _require_promoted(before, request)
        return Outcome(changed=False, facts=_facts(before, before, "It is the primary already."))
    if world.dry_run:
        return Outcome(changed=True, facts=_facts(before, before, f"It would be promoted. {_lag(before)}"))
    try:
        if request.server.ask(f"SELECT pg_promote(true, {max(1, round(request.timeout))})") != "t":
            raise DatabaseError(
                f"The standby did not end its recovery within {units.human_duration(request.timeout)}.",
                "It was told to, and goes on: look into its log, and run this again.",
            )
        # Before it, pg_rewind of PostgreSQL 15 does not see that the timelines differ.
        request.server.ask("CHECKPOINT")
    except ProcessFailed as exc:
        raise DatabaseError(f"The standby could not be promoted: {exc.cause}", "Look into its log.") from exc
    after = require_running(request.server)
    said = f"It is the primary on timeline {after['timeline']}. {_lag(before)}"
    return Outcome(
        changed=True,
        facts=_facts(before, after, said),
        before="standby\n",
        after="primary\n",
        warnings=tuple(_lost(after)),
    )


def _require_promoted(state: Mapping[str, t.Any], request: PromoteRequest) -> None:
    """Raise DatabaseError unless this primary was a standby that was promoted after `since`."""
    at = units.point_in_time(state["promoted_at"])
    if at is None:
        raise DatabaseError(
            "This server is a primary and never was a standby, so there is nothing to promote.",
            "Check which host is the standby.",
        )
    # The file of the history has whole seconds.
    if request.since is not None and at < request.since.replace(microsecond=0):
        raise DatabaseError(
            f"This server has been a primary since {state['promoted_at']}, before this recovery began.",
            "Check which host is the standby.",
        )


def _facts(before: Mapping[str, t.Any], after: Mapping[str, t.Any], summary: str) -> dict[str, t.Any]:
    told = ("receive_lsn", "replay_lsn", "lag_bytes", "lag_seconds", "last_commit_at")
    promotion = {"timeline": after["timeline"], "former_timeline": before["timeline"]}
    return {
        "promotion": promotion | {name: before[name] for name in told},
        "lost": list(_lost(after)),
        "summary": summary,
    }


def _lag(before: Mapping[str, t.Any]) -> str:
    """Return what a standby was behind, as sentences."""
    if before["last_commit_at"] is None:
        return "It has replayed no transaction since it started, so the age of its last one is not known."
    return (
        f"The last transaction that it received was committed at {before['last_commit_at']}, "
        f"{units.human_duration(before['lag_seconds'])} before; {units.human_size(before['lag_bytes'])} of what it "
        f"received had not been replayed, and was before it took writes."
    )


def _lost(state: Mapping[str, t.Any]) -> Iterator[str]:
    """Yield what a promoted server lacks of the former primary, or has and cannot go on with as before."""
    if not any(slot["type"] == "logical" and slot["synced"] for slot in state["slots"]):
        yield "Logical replication slots of the former primary are not here: subscribers have to be set up anew."
    for each in state["subscriptions"]:
        yield (
            f"Subscription {each['name']} of database {each['database']} goes on from here: what its publisher sent to "
            "the former primary alone is not sent again. Compare its tables with the publisher's."
        )
    if state["synchronous_standby_names"]:
        yield (
            f"synchronous_standby_names is {state['synchronous_standby_names']!r}: commits wait until such a standby "
            "follows this server."
        )
