# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which servers a plan recovers as a whole, and about how much of their logs it has to replay, for the forecast."""

from __future__ import annotations

import json
import typing as t

from ...drivers.components.base import WHOLE_CLUSTER
from ...ground.errors import RecoveryError
from ...records.recovery.step_types import PITR
from ...records.repository import names as repository
from ...records.wal import archive, targets
from ...records.wal.bases import range_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ...records.recovery.events import Plan, PlannedStep, Point
    from ...records.repository.catalogue import Repository
    from ...records.wal.archive import Archive
    from ...records.wal.targets import Target


def servers(plan: Plan, clusters: Mapping[str, str]) -> Iterator[str]:
    """Yield the components of the servers that a plan recovers as a whole. `clusters` are those of hosts, as named."""
    for step in plan.steps:
        if step.type == PITR:
            yield from _of(step, clusters)


def of(
    plan: Plan, points: Mapping[str, Point], target: str, clusters: Mapping[str, str], opened: Repository | None
) -> dict[str, int]:
    """Return about how many bytes of the log each step has to replay; nothing where the store cannot tell."""
    if not target or opened is None:
        return {}
    wanted = targets.parse(json.loads(target))
    found = {}
    for step in (one for one in plan.steps if one.type == PITR):
        try:
            sizes = [_size(opened, name, points[name], wanted) for name in _of(step, clusters) if name in points]
        except RecoveryError:
            continue
        found[step.id] = sum(sizes)
    return found


def _of(step: PlannedStep, clusters: Mapping[str, str]) -> Iterator[str]:
    for host in step.hosts:
        yield repository.component(clusters.get(host) or host, WHOLE_CLUSTER)


def _size(opened: Repository, component: str, point: Point, target: Target) -> int:
    """Return the bytes from a backup to the target; the segments of the longest timeline are counted, as listed."""
    needs = range_of(opened.read(component, point.backup_id))
    identifier, size = needs.system_identifier, needs.segment_size
    log = archive.listed(opened.store, opened.application, {identifier: size}, identifier).get(identifier)
    if log is None or target.kind == targets.IMMEDIATE:
        return len(needs.segments) * size
    first = needs.start // size
    return len({number for number in _stored(log, target) if number >= first}) * size


def _stored(log: Archive, target: Target) -> Iterator[int]:
    """Yield the numbers of the segments that were stored by the target, as far as it says that."""
    for segments in log.segments.values():
        for number, _size, stored in segments.within(0, segments.last):
            if target.at and stored > target.at.timestamp():
                continue
            if target.position is None or number * log.segment_size <= target.position:
                yield number
