# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case: pin a backup or put it on hold, and take that back; and say how a restore test of one ended."""

from __future__ import annotations

import dataclasses
import secrets
import typing as t

from ...ground.errors import KeyRefused, StoreError, UsageError, require_one_of
from ...ground.model import Outcome
from ...records.repository import catalogue, marks, newer
from ...records.repository import names as repository

if t.TYPE_CHECKING:
    from ...ground.model import World

STATES = ("present", "absent")


@dataclasses.dataclass(frozen=True, slots=True)
class MarkRequest:
    """Which backup (an id, `latest`, or `latest before <time>`), which mark, and whether it is to stand."""

    repository: catalogue.RepositorySettings
    cluster: str
    database: str
    backup: str
    kind: str = "pinned"
    state: str = "present"
    reason: str = ""


def mark(request: MarkRequest, world: World) -> Outcome:
    """
    Set a mark or take it back; nothing is done when things are so already.

    Raise NotFound or Tampered when there is no such backup to believe, KeyRefused when no key at hand may sign such
    marks, UsageError on a bad value.
    """
    _check(request)
    opened = catalogue.open_repository(request.repository, world)
    component = repository.component(request.cluster, request.database)
    chosen = newer.choose(opened, component, request.backup, world.now())
    backup = chosen.backup
    identity = backup.manifest.backup_id
    said = opened.marks(identity, kinds=(request.kind,)).get(identity, marks.Marks())
    standing = said.of(request.kind)
    wanted = request.state == "present"
    # What nobody can believe protects all the same, so it is there to be taken back, and not there to rely on.
    if wanted != bool(standing) or (not wanted and said.doubtful):
        for lifts in [""] if wanted else [*(mark.token for mark in standing), *map(marks.token, said.doubtful)]:
            made = _made(backup, request.kind, request.reason, world, lifts=lifts)
            marks.write(opened.store, opened.trusted_keys, made)
            if wanted:
                opened.receipts.saw_marks([made])
        for name in () if wanted else said.doubtful:
            opened.store.delete(name)
        return _outcome(request, chosen, standing, changed=True)
    return _outcome(request, chosen, standing, changed=False)


def record_restore_test(
    backup: catalogue.Backup, reason: str, world: World, *, passed: bool = True
) -> tuple[bool, str]:
    """
    Mark a backup as restore-tested, or take that back, unless the keys at hand may not sign it.

    Each test that passed leaves a mark: another host's log may hold a failure that came after an earlier one.

    Return whether the marks say it, and what to report where they do not and somebody would rely on them.
    """
    try:
        said = marks.of(backup, marks.RESTORE_TESTED)
        tokens = [mark.token for mark in said.of(marks.RESTORE_TESTED)]
        for lifts in [""] if passed else tokens:
            made = _made(backup, marks.RESTORE_TESTED, reason, world, lifts=lifts)
            marks.write(backup.store, backup.trusted_keys, made)
    except (KeyRefused, StoreError) as exc:
        if not passed:
            return False, f"A mark in the store may still say that it is restore-tested: {exc.cause}"
        if isinstance(exc, KeyRefused):
            return False, ""
        return False, f"The backup is restore-tested, but the store rejected the mark that says so: {exc.cause}"
    return True, ""


def _check(request: MarkRequest) -> None:
    require_one_of("kind", request.kind, repository.SET_MARKS)
    require_one_of("state", request.state, STATES)
    if len(request.reason) > marks.REASON_LENGTH or not request.reason.isprintable():
        raise UsageError(
            "The reason is too long, or contains line breaks.",
            f"Use one sentence of at most {marks.REASON_LENGTH} characters.",
            field="reason",
        )


def _made(backup: catalogue.Backup, kind: str, reason: str, world: World, *, lifts: str = "") -> marks.Mark:
    return marks.make(backup, kind, reason, at=world.now(), token=secrets.token_hex(8), lifts=lifts)


def _outcome(request: MarkRequest, chosen: newer.Chosen, standing: tuple[marks.Mark, ...], *, changed: bool) -> Outcome:
    record = chosen.backup.manifest
    name = {"pinned": "pinned", "hold": "on hold"}[request.kind]
    wanted = request.state == "present"
    facts = {
        "mark": {
            "backup_id": record.backup_id,
            "component": record.component,
            "kind": request.kind,
            "state": request.state,
            # Of a mark that stood already, the reason that was given then.
            "reason": standing[-1].reason if standing and wanted else request.reason,
        },
        "summary": f"{record.backup_id} of {record.component} is {'' if wanted else 'not '}{name}.",
    }
    before, after = (f"{record.backup_id}: {'' if stands else 'not '}{name}\n" for stands in (bool(standing), wanted))
    return Outcome(changed=changed, facts=facts, before=before, after=after, warnings=chosen.notes)
