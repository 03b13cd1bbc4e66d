# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case: write the report of a recovery. Its journal is all that is read; no host is asked."""

from __future__ import annotations

import dataclasses
import os
import stat
import typing as t

from ...ground import disk
from ...ground.errors import NotFound, Tampered, UsageError
from ...ground.model import Outcome
from ...records.recovery.checklist import DEFAULT
from ...records.recovery.journal import RecoveryJournal
from ...records.recovery.report import Report
from .formats import FORMATS
from .reaching import reach
from .stepping import find

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ...ground.model import World
    from ...records.notifications.contacts import Contact
    from ...records.recovery.checklist import Item
    from ...records.recovery.events import Mode
    from ...records.recovery.objectives import Objective
    from ...records.repository.catalogue import RepositorySettings
    from .reaching import Reached

MODE = 0o600


@dataclasses.dataclass(frozen=True, slots=True)
class ReportRequest:
    """Which recovery, the newest of `mode` where none is named; where the report goes, and what it is held against."""

    repository: RepositorySettings
    dest: str
    recovery_id: str = ""
    mode: Mode = "recover"
    formats: Sequence[str] = tuple(FORMATS)
    objectives: Sequence[Objective] = ()
    contacts: Sequence[Contact] = ()
    items: Sequence[Item] = DEFAULT


def report(request: ReportRequest, world: World) -> Outcome:
    """
    Write the report of a recovery. A file with the same content is left alone, and what people filled in is kept.

    Raise NotFound where there is no such recovery, Tampered where its journal cannot be believed, StoreError when the
    disk refuses.
    """
    if not request.formats:
        raise UsageError("formats is empty.", f"Choose from {', '.join(FORMATS)}.", field="formats")
    journal, warnings = _found(request, reach(request.repository, world))
    made = Report(journal.events, request.objectives, request.contacts, request.items)
    before, after, paths = "", "", []
    changed = False
    for name in dict.fromkeys(request.formats):
        form = FORMATS[name]
        path = os.path.join(request.dest, f"{journal.recovery_id}.{form.ending}")
        old, private = _present(path)
        new = _kept(old, form.write(made).encode(), form.filled_in.encode())
        paths.append(path)
        if old != new or not private:
            changed = True
            before, after = before or old.decode(errors="replace"), after or new.decode(errors="replace")
            if not world.dry_run:
                _write(path, new)
    told = [one.facts() for one in made.judged]
    facts = {"recovery_id": journal.recovery_id, "paths": paths, "objectives": told, "summary": made.summary}
    return Outcome(changed=changed, facts=facts, before=before, after=after, warnings=warnings)


def _found(request: ReportRequest, reached: Reached) -> tuple[RecoveryJournal, tuple[str, ...]]:
    """Return the recovery, read whole, and what to say about newer ones that cannot be believed."""
    if request.recovery_id:
        return find(reached, request.recovery_id).read(), ()
    problems: list[str] = []
    for identity in reached.place.recoveries(request.mode):
        try:
            return RecoveryJournal(reached.place, request.mode, identity).read(), tuple(problems)
        except (NotFound, Tampered) as exc:
            problems.append(f"{identity} was passed over: {exc.cause}")
    noun = {"recover": "recovery", "drill": "drill"}[request.mode]
    told = " ".join(problems) or f"There is no {noun} of {reached.place.application}."
    raise reached.place.down or NotFound(told, "Check application and store, or name one with recovery_id.")


def _present(path: str) -> tuple[bytes, bool]:
    """Return what a file contains, and whether only its owner may use it; empty where there is none."""
    try:
        content = b"".join(disk.read_blocks(path))
    except NotFound:
        return b"", False
    with disk.explained(path):
        return content, stat.S_IMODE(os.stat(path).st_mode) == MODE


def _kept(old: bytes, new: bytes, filled_in: bytes) -> bytes:
    """Return what is to be written, with what people filled in since."""
    if not filled_in or filled_in not in old:
        return new
    return new.partition(filled_in)[0] + filled_in + old.partition(filled_in)[2]


def _write(path: str, content: bytes) -> None:
    directory = os.path.dirname(path)
    with disk.explained(directory):
        os.makedirs(directory, mode=0o700, exist_ok=True)
    disk.write_atomically(path, [content], mode=MODE)
