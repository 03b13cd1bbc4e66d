# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case: read a host's audit log for an audit: its entries of a period, and whether its chain is whole."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import UsageError
from ...ground.model import Outcome
from ...records.audit import period as audit_period
from ...records.audit.log import AuditLog

if t.TYPE_CHECKING:
    from ...ground.model import World


@dataclasses.dataclass(frozen=True, slots=True)
class ReadRequest:
    """Which entries: of a period as `period.parse` takes it. `known` is a hash that somebody else remembers."""

    state_dir: str
    period: str = ""
    zone: str = "UTC"
    application: str = ""
    known: tuple[int, str] | None = None


def read(request: ReadRequest, world: World) -> Outcome:
    """
    Return the entries and the verdict on the whole chain, which is a fact and never an error.

    Raise UsageError on a bad period, StoreError when the log is there and cannot be read.
    """
    period = audit_period.parse(request.period, world.now(), request.zone)
    log = AuditLog(request.state_dir)
    problems = log.verify(dict([request.known] if request.known else ()), sleep=world.sleep)
    every, head, chosen = 0, None, []
    for entry in log.entries():
        every, head = every + 1, entry
        ours = not request.application or entry.application in {request.application, ""}
        if ours and period.since <= entry.at < period.until:
            chosen.append(dataclasses.asdict(entry))
    facts = {
        "period": period.name,
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
        "zone": period.zone,
        "entries": chosen,
        "total": every,
        "head": {"sequence": head.sequence, "hash": head.hash, "time": head.time} if head else None,
        "problems": problems,
        "verified": not problems,
        "summary": f"{len(chosen)} of {every} entries are of {period.name}; "
        + (f"the chain is broken: {problems[0]}" if problems else "the chain is intact."),
    }
    return Outcome(changed=False, facts=facts, warnings=tuple(problems[:1]))


def known_hash(given: dict[str, t.Any] | None) -> tuple[int, str] | None:
    """Return the number and the hash of an entry that is remembered elsewhere. Raise UsageError when one is missing."""
    if not given:
        return None
    sequence, text = given.get("sequence"), given.get("hash")
    if not isinstance(sequence, int) or not isinstance(text, str):
        raise UsageError("known has no sequence or no hash.", "Set both, from the same entry.", field="known")
    return sequence, text
