# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Which backup each component is recovered from, and the pins that keep these backups until the recovery ends.

The newest one counts against which nothing is known, restore-tested or not: the restore compares it with its proof
before it replaces anything. After an infection only a restore-tested one from before will do.
"""

from __future__ import annotations

import dataclasses
import secrets
import typing as t

from ...ground.errors import KeyRefused, NotFound, RecoveryError, UsageError
from ...ground.units import human_count
from ...records.anomalies import assessment, judging
from ...records.recovery import arriving
from ...records.recovery.events import Point
from ...records.repository import choosing, marks, newer, protection
from ...records.repository import names as repository
from ...records.repository.catalogue import STRANGER
from ...records.repository.names import BACKUP_ID

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ...ground.model import World
    from ...records.repository.catalogue import Backup, Repository, RepositorySettings
    from ...records.repository.manifest import Manifest
    from ...records.repository.newer import Passed
    from ...records.repository.protection import KnownBackup, Protection

LATEST = "latest"
PINNED = "pinned"

EVERY = "*"
"""What is named for this component is meant for each of which nothing else is said."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """
    What somebody says of recovery points: by component a backup id, or a selector as a restore takes it.

    Where nothing or `latest` is said, the newest is chosen; with `infected_since`, the newest sound one from before.
    Backups of servers are chosen of those in `whole`, which are recovered to the `target`, as the journal has it.
    """

    named: Mapping[str, str]
    infected_since: datetime.datetime | None
    thresholds: judging.Thresholds
    target: str = ""
    whole: frozenset[str] = frozenset()

    def names(self, component: str) -> bool:
        """Whether somebody names the backup of a component."""
        return self.named.get(component, LATEST) != LATEST

    def accepts(self, one: KnownBackup) -> bool:
        """Whether a backup may be chosen that nobody names."""
        sound = not one.suspicions and not one.refuted
        before = self.infected_since is None or (one.restore_tested and one.finished < self.infected_since)
        at = arriving.moment(self.target) if one.component in self.whole else None
        return sound and before and (at is None or one.finished <= at)

    def of(self, components: Iterable[str]) -> list[str]:
        """Return those of some components, and the servers that are recovered as a whole, that need a backup."""
        return sorted(self.whole.union(name for name in components if not arriving.is_whole(name)))


class Chosen(t.NamedTuple):
    """The recovery points by component, and what to say about them."""

    points: dict[str, Point]
    warnings: tuple[str, ...] = ()


def choose(
    settings: RepositorySettings, opened: Repository, wanted: Wanted, world: World, *, only: Iterable[str] | None = None
) -> Chosen:
    """
    Return the recovery point of each component that has backups, or of those in `only`.

    Raise UsageError that names all components for which somebody must decide, NotFound where a named one has no backup.
    """
    backups = opened.backups()
    lost = newer.notice(opened, backups)
    keep = not world.dry_run
    protected = protection.of(assessment.known(settings, opened, backups, wanted.thresholds, world.now(), keep=keep))
    points: dict[str, Point] = {}
    warnings: list[str] = []
    undecided: list[str] = []
    for component in wanted.of({*protected, *wanted.named}) if only is None else sorted(only):
        if wanted.names(component):
            chosen = newer.choose(opened, component, wanted.named[component], world.now())
            points[component] = _named(chosen.backup, protected.get(component))
            warnings += chosen.notes
            continue
        one = protected.get(component, protection.Protection(component))
        best = choosing.newest(one.backups, wanted.accepts)
        if component in wanted.whole and (lack := _lack(component, one, wanted)):
            undecided.append(lack)
        elif one.newest is None:
            warnings.append(f"{component} has no recovery point: there is no backup of the whole.")
        elif problem := _problem(one, best, lost.get(component, ())):
            undecided.append(problem)
        elif best:
            points[component] = _point(best, restore_tested=best.restore_tested)
            warnings += _passed_over(one, best)
    if undecided:
        remedy = "Name the backup of each such component in points (lifeboat_restore_from)."
        raise UsageError(" ".join(undecided), remedy, field="points")
    if only is None and not points:
        _require_own_key(opened)
        warnings.append(f"{opened.store.url} contains no backup of {opened.application}: nothing can be restored.")
    return Chosen(points, tuple(warnings))


def spread(named: Mapping[str, str], opened: Repository) -> dict[str, str]:
    """Return what is named by component. An id is the backup of one alone: raise NotFound where there is none of it."""
    rest = {component: one for component, one in named.items() if component != EVERY}
    if EVERY not in named:
        return rest
    said = named[EVERY]
    every = [backup.manifest for backup in opened.backups()]
    meant = {one.component for one in every if not BACKUP_ID.fullmatch(said) or one.backup_id == said}
    if not meant:
        raise NotFound(
            f"There is no backup {said} of {opened.application} that can be used.",
            "Use the id of a backup, or `latest before <time>`; playbook lifeboat.recovery.list shows them.",
        )
    return {**dict.fromkeys(sorted(meant), said), **rest}


def _require_own_key(opened: Repository) -> None:
    """Raise KeyRefused where there are backups, and the key at hand believes none: it is another application's."""
    if count := sum(problem.kind == STRANGER for problem in opened.problems):
        raise KeyRefused(
            f"{opened.store.url} contains {human_count(count, 'backup')} of {opened.application}, and none is signed "
            "by the key at hand, or by a key that it trusts.",
            f"Use the key of {opened.application} (lifeboat_recovery_key_file).",
        )


def pin(opened: Repository, recovery_id: str, points: Mapping[str, Point], world: World) -> Iterator[str]:
    """Pin the recovery points that are not. Yield what stands in the way, which stops no recovery."""
    for component, point in points.items():
        try:
            backup = opened.read(component, point.backup_id)
            if not _own(marks.of(backup, PINNED), recovery_id):
                _write(opened, backup, recovery_id, world)
        except RecoveryError as exc:
            yield f"Retention may delete {point.backup_id}, as it could not be pinned: {exc.cause}"


def release(opened: Repository, recovery_id: str, points: Iterable[tuple[str, Point]], world: World) -> Iterator[str]:
    """Take the pins back that a recovery made, and no others. Yield what stands in the way."""
    for component, point in points:
        try:
            backup = opened.read(component, point.backup_id)
            for mark in _own(marks.of(backup, PINNED), recovery_id):
                _write(opened, backup, recovery_id, world, lifts=mark.token)
        except RecoveryError as exc:
            yield f"{point.backup_id} stays pinned: {exc.cause}"


def _lack(component: str, one: Protection, wanted: Wanted) -> str:
    """Say why a server cannot be recovered to the target, from the backups that are there; nothing where it can."""
    cluster, at = repository.cluster_and_database(component)[0], arriving.moment(wanted.target)
    if one.newest is None:
        return (
            f"{cluster} has no physical backup, so its server cannot be recovered to a moment. Without target "
            "(lifeboat_pitr_target) its databases are restored."
        )
    if at and not any(each.finished <= at for each in one.counting):
        first = min(each.finished for each in one.counting)
        return f"The oldest physical backup of {cluster} was finished at {first.isoformat()}, after the target."
    return ""


def _problem(one: Protection, best: KnownBackup | None, lost: Sequence[Passed]) -> str:
    """Say why nobody but a person may choose the backup of a component; nothing where that is not so."""
    if best is None:
        newest = t.cast("KnownBackup", one.newest)
        which = f"No backup of {one.component} may be chosen by itself; the newest is {newest.backup_id}."
        return f"{which}{_known_against(newest)}"
    if any(passed.certain for passed in lost):
        return newer.said(one.component, best.backup_id, lost)
    return ""


def _passed_over(one: Protection, best: KnownBackup) -> Iterator[str]:
    """Say that the newest backup is not the recovery point, and why."""
    newest = one.newest
    if newest and newest.backup_id != best.backup_id:
        yield f"{newest.backup_id} of {one.component} is newer than the recovery point.{_known_against(newest)}"


def _known_against(one: KnownBackup) -> str:
    if one.refuted:
        return " Its last restore test failed."
    causes = judging.shown(one.suspicions)
    return f" It is suspicious: {causes[0]}" if causes else ""


def _named(backup: Backup, one: Protection | None) -> Point:
    record = backup.manifest
    tested = any(each.restore_tested for each in (one.backups if one else ()) if each.backup_id == record.backup_id)
    return _point(record, restore_tested=tested)


def _point(one: KnownBackup | Manifest, *, restore_tested: bool) -> Point:
    return Point(one.backup_id, one.started, one.finished, restore_tested, one.size, one.plain_size)


def _reason(recovery_id: str) -> str:
    return f"Recovery point of {recovery_id}"


def _own(said: marks.Marks, recovery_id: str) -> list[marks.Mark]:
    return [mark for mark in said.of(PINNED) if mark.reason == _reason(recovery_id)]


def _write(opened: Repository, backup: Backup, recovery_id: str, world: World, *, lifts: str = "") -> None:
    token = secrets.token_hex(8)
    made = marks.make(backup, PINNED, _reason(recovery_id), at=world.now(), token=token, lifts=lifts)
    marks.write(opened.store, opened.trusted_keys, made)
