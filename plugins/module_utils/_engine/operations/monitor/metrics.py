# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use case: tell what can be said about the backups: metrics for Prometheus, and the facts of a status page."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground import disk, exposition
from ...ground.errors import StoreError, UsageError
from ...ground.model import Outcome
from . import collecting, facts, families, verdict

if t.TYPE_CHECKING:
    from ...ground.model import World
    from ...records.repository.catalogue import RepositorySettings
    from .protection_status import ProtectionStatus

PASSING = ("lifeboat_metrics_written_timestamp_seconds{", "lifeboat_store_available_bytes{")
"""Metrics of which another value is no change: the time, and the room that others leave on the disk of a store."""

READABLE = 0o644
"""Permissions of what is written: others are to read it, whatever the umask."""


@dataclasses.dataclass(frozen=True, slots=True)
class WatchRequest:
    """
    What to look at, and where to write it: `path` ends in `.prom`.

    In seconds: a restore-tested backup that is older than `restore_tested_age` is doubted, and what is told counts for
    `stale_age`.
    """

    sources: collecting.Sources
    path: str
    restore_tested_age: float = 48 * 3600.0
    stale_age: float = 26 * 3600.0

    @property
    def repository(self) -> RepositorySettings:
        """The repository that is looked at."""
        return self.sources.repository


def watch(request: WatchRequest, world: World) -> Outcome:
    """
    Write the metrics.

    Raise UsageError when the settings make no sense, StoreError when the file cannot be written. What passes with time
    alone is no change.
    """
    if not request.path.endswith(".prom"):
        raise UsageError(
            f"The name {request.path!r} does not end in .prom.",
            "node_exporter reads *.prom only.",
            field="path",
        )
    seen, warnings = collecting.collect(request.sources, world)
    text = exposition.render(families.families(seen))
    before = _existing(request.path)
    changed = _lasting(before) != _lasting(text)
    if not world.dry_run:
        disk.write_atomically(request.path, [text.encode("utf-8", "replace")], mode=READABLE)
    return Outcome(changed, _facts(request, seen), before=before, after=text, warnings=tuple(warnings))


def _existing(path: str) -> str:
    try:
        return b"".join(disk.read_blocks(path)).decode("utf-8", "replace")
    except StoreError:
        return ""


def _lasting(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith(PASSING)]


def _facts(request: WatchRequest, seen: ProtectionStatus) -> dict[str, t.Any]:
    answer = verdict.of(seen, request.restore_tested_age)
    databases = []
    for subject in seen.subjects:
        newest, tested = subject.newest, subject.newest_restore_tested
        databases.append(
            {
                "cluster": subject.cluster,
                "database": subject.database,
                "answer": verdict.of_subject(subject, seen, request.restore_tested_age),
                "backups": len(subject.backups),
                "newest": newest.backup_id if newest else None,
                "newest_age_seconds": verdict.age(newest, seen) if newest else None,
                "newest_restore_tested": tested.backup_id if tested else None,
                "newest_restore_tested_age_seconds": verdict.age(tested, seen) if tested else None,
            }
        )
    return {
        "path": request.path,
        "answer": answer.answer,
        "databases": databases,
        "status": facts.status(seen, request.restore_tested_age, request.stale_age),
        "summary": answer.sentence,
    }
