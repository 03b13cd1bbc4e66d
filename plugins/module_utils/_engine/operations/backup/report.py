# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup says: when there is nothing to do, in check mode, and when it is made."""

from __future__ import annotations

import typing as t

from ...ground import units
from ...ground.model import Outcome
from ...ground.printing import printable

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...drivers.components.source import Preview
    from ...records.repository.manifest import Manifest
    from ...records.repository.receipts import Receipt
    from .attempts import Made
    from .request import BackupRequest

SHAPE = (
    "attempts",
    "backup_id",
    "component",
    "estimate",
    "finished",
    "members",
    "phase_seconds",
    "plain_size",
    "proof",
    "reason",
    "scope",
    "seconds",
    "size",
    "started",
    "suspicions",
)
"""Keys that every result of a backup has, whether they say anything or not, beside those of its component."""


def nothing_to_do(request: BackupRequest, previous: Receipt, why: str) -> Outcome:
    """Say that the previous backup does."""
    said = f"{previous.backup_id} is {why}: nothing to do."
    return Outcome(changed=False, facts={"backup": _facts(request, {}, **previous.facts), "summary": said})


def planned(request: BackupRequest, component: str, preview: Preview) -> Outcome:
    """Say what would be written, without capturing."""
    lines = (f"backup of {component} ({request.reason}), {request.compression}, {preview.how}", *preview.lines)
    known = {"reason": request.reason, "members": preview.members, "estimate": preview.estimate}
    facts = {
        "backup": _facts(request, preview.facts, component=component, **known),
        "summary": f"Would back up {component}: {preview.members} members.",
    }
    after = "\n  ".join(map(printable, lines)) + "\n"
    return Outcome(changed=True, facts=facts, after=after, warnings=preview.warnings)


def made(
    request: BackupRequest, record: Manifest, done: Made, warnings: tuple[str, ...], suspicions: Sequence[str]
) -> Outcome:
    """Say what was made."""
    seconds = max(record.seconds, 0.001)
    summary = (
        f"{record.backup_id} of {record.component}: {units.human_size(record.plain_size)} of data stored as "
        f"{units.human_size(record.size)} in {units.human_duration(seconds)} "
        f"({units.human_rate(record.plain_size / seconds)}), {done.captured.said}."
    )
    known = {
        **record.facts,
        "members": len(record.numbers),
        "attempts": done.files.attempt,
        "phase_seconds": done.files.phases.seconds,
        "suspicions": list(suspicions),
    }
    facts = {"backup": _facts(request, done.captured.facts, **known), "summary": summary}
    looked = tuple(f"{record.backup_id} of {record.component} is suspicious. {cause}" for cause in suspicions)
    return Outcome(changed=True, facts=facts, after=summary + "\n", warnings=(*warnings, *looked))


def _facts(request: BackupRequest, own: Mapping[str, t.Any], **known: t.Any) -> dict[str, t.Any]:
    """Return a result with every key that one has, None where it says nothing."""
    return {**dict.fromkeys(SHAPE), **known, **{name: own.get(name) for name in request.source.own_facts}}
