# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Use case: read stored backups again and check every byte, without a database.

Level `intact` needs no key that opens: it checks seals, sizes, and the SHA-256 of every stored byte. Level `opens`
decrypts and decompresses everything too. A sample reads some of the files, others every day.
"""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

from ...drivers.crypto import lbx
from ...ground import codec, verbs
from ...ground.errors import NotFound, StoreError, Tampered, UsageError
from ...ground.model import Outcome
from ...ground.progress import Progress, status_directory
from ...ground.streams import counted
from ...ground.units import human_count, human_duration, human_size
from ...records.repository import catalogue, newer, readings
from ...records.repository import names as repository
from ...records.repository.reread import RereadFiles
from ...records.repository.stored_backup import chain

if t.TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from ...ground.model import World
    from ...records.repository.manifest import File


@dataclasses.dataclass(frozen=True, slots=True)
class VerifyRequest:
    """
    What to read: `backup` is `all`, `latest`, an id, or `latest before <time>`; `sample` is percent of the files.

    Without a database, all of the cluster; without a cluster, all of the application.
    """

    repository: catalogue.RepositorySettings
    cluster: str | None = None
    database: str | None = None
    backup: str = "all"
    level: str = "intact"
    sample: int = 100


def verify(request: VerifyRequest, world: World) -> Outcome:
    """
    Read the chosen backups. Raise Tampered when one is damaged, after all were read; `details["problems"]` names each.
    Raise StoreError when none is and some could not be read, which says nothing about what is stored.

    Nothing is lost when retention takes one away meanwhile, so it may: that one is in `expired` then, and no problem.

    Raise UsageError on a bad level or sample, NotFound when nothing fits, KeyRefused when `opens` lacks a key.
    """
    if request.level not in verbs.LEVELS:
        raise UsageError(f"level: {request.level!r} is unknown.", "Use intact or opens.", field="level")
    if not 1 <= request.sample <= 100:
        raise UsageError(f"sample: {request.sample} is not a percentage.", "Use a value from 1 to 100.", field="sample")
    started = world.now()
    opened = catalogue.open_repository(request.repository, world)
    chosen, passed = _choose(opened, request, started)
    files = [(backup, file) for backup in chosen for file in backup.manifest.files]
    picked = _sample(files, request.sample, started.date().isoformat())
    subject = "/".join(filter(None, (request.cluster, request.database))) or opened.application
    directory = status_directory(request.repository.state_dir, world)
    progress = Progress(directory, "verify", subject, world.now)
    with progress.running():
        found = _read_all(picked, request.level, progress)
    if not world.dry_run:
        RereadFiles(request.repository.state_dir, request.repository.place).add(opened.application, found.sound)
    found.damages[:0] = [*passed, *(problem.sentence for problem in opened.problems)]
    return _report(request, chosen, picked, found, (world.now() - started).total_seconds())


@dataclasses.dataclass(slots=True)
class _Found:
    """
    What came of reading: the names of sound files, what is wrong with others, why some could not be read, and the
    backups that retention let go meanwhile.
    """

    sound: list[str] = dataclasses.field(default_factory=list)
    damages: list[str] = dataclasses.field(default_factory=list)
    unread: dict[str, StoreError] = dataclasses.field(default_factory=dict)
    gone: set[str] = dataclasses.field(default_factory=set)

    @property
    def problems(self) -> list[str]:
        """What to say about what is not as it must be."""
        return [*self.damages, *(f"{name} could not be read: {error.cause}" for name, error in self.unread.items())]


def _read_all(picked: list[tuple[catalogue.Backup, File]], level: str, progress: Progress) -> _Found:
    """Read files."""
    found = _Found()
    progress.plan({file.name: file.size for _backup, file in picked})
    progress.phase("read")
    for backup, file in picked:
        member = progress.member(file.name)
        try:
            damage = damage_of(backup, file, level, member.note)
        except StoreError as exc:
            found.unread[file.name] = exc
            damage = None
        else:
            found.sound += [] if damage else [file.name]
        if damage and (backup.manifest.backup_id in found.gone or readings.is_expired(backup)):
            found.gone.add(backup.manifest.backup_id)
        elif damage:
            found.damages.append(damage)
        member.finish()
    return found


def _report(
    request: VerifyRequest,
    chosen: list[catalogue.Backup],
    picked: list[tuple[catalogue.Backup, File]],
    found: _Found,
    seconds: float,
) -> Outcome:
    gone = found.gone
    left = [backup for backup in chosen if backup.manifest.backup_id not in gone]
    files = [file for backup, file in picked if backup.manifest.backup_id not in gone]
    read = sum(file.size for file in files)
    facts = {
        "backups": [backup.manifest.backup_id for backup in left],
        "expired": sorted(gone),
        "files_read": len(files),
        "bytes_read": read,
        "level": request.level,
        "sample": request.sample,
        "seconds": round(seconds, 3),
        "problems": found.problems,
    }
    _refuse(found, len(picked), facts)
    if chosen and not left:
        raise NotFound(
            f"Retention deleted all selected backups while this ran: {', '.join(sorted(gone))}.",
            "Run again with a backup that retention keeps.",
            **facts,
        )
    what = "authentic, complete and decryptable" if request.level == "opens" else "authentic and complete"
    facts["summary"] = (
        f"{human_count(len(left), 'backup')}, {human_count(len(files), 'file')}, {human_size(read)} read in "
        f"{human_duration(seconds)}: all {what}."
    )
    warnings = [f"{identity} was deleted by retention while this ran." for identity in sorted(gone)]
    return Outcome(changed=False, facts=facts, warnings=tuple(warnings))


def _refuse(found: _Found, picked: int, facts: dict[str, t.Any]) -> None:
    """Raise Tampered for what is damaged, and where nothing is, the first error of the store."""
    if found.damages:
        raise Tampered(
            f"The stored backups have {human_count(len(found.damages), 'problem')}; the first: {found.damages[0]}",
            "Do not rely on these backups; keep their replicas, make a new backup, and check the store.",
            **facts,
        )
    if found.unread:
        name, error = next(iter(found.unread.items()))
        raise type(error)(
            f"{len(found.unread)} of {human_count(picked, 'file')} could not be read, and the rest is intact; the "
            f"first: {name}: {error.cause}",
            error.remedy,
            **{**error.details, **facts},
        )


def _choose(
    opened: catalogue.Repository, request: VerifyRequest, now: datetime.datetime
) -> tuple[list[catalogue.Backup], tuple[str, ...]]:
    """Return the backups to read, and what is wrong with the choice itself."""
    place = repository.place(request.cluster, request.database)
    if request.backup != "all":
        if not (place and request.database):
            raise UsageError(
                f"The backup {request.backup!r} can only be found with a database.",
                "Set cluster and database too, or backup: all.",
                field="backup",
            )
        chosen = newer.choose(opened, place, request.backup, now)
        notes = chosen.notes if chosen.certain else ()
        try:
            return list(chain(opened.read, chosen.backup)), notes
        except (NotFound, Tampered) as exc:
            return [chosen.backup], (*notes, f"{chosen.backup.manifest.backup_id} needs what is damaged. {exc.cause}")
    found = opened.backups(place)
    if not found and not opened.problems:
        raise NotFound(
            f"The store contains no backup of {place or opened.application} to verify.",
            "Check application, cluster and database, or make a backup first.",
        )
    return found, ()


def _sample(files: list[tuple[catalogue.Backup, File]], percent: int, day: str) -> list[tuple[catalogue.Backup, File]]:
    """Choose by a hash of name and day: every day others, and the same when a run is repeated."""
    if percent == 100 or not files:
        return files

    def rank(item: tuple[catalogue.Backup, File]) -> bytes:
        return hashlib.sha256(f"{day} {item[1].name}".encode()).digest()

    wanted = max(1, len(files) * percent // 100)
    return sorted(files, key=rank)[:wanted]


def damage_of(
    backup: catalogue.Backup, file: File, level: str, note: Callable[[int], None] = lambda _count: None
) -> str | None:
    """Read one file. Return what is wrong with it; raise StoreError when that cannot be known."""
    stored = counted(backup.store.get(file.name), note)
    try:
        if level == "opens":
            plain = lbx.open_file(stored, backup.expected(file), backup.trusted_keys.opener)
            size = sum(len(block) for block in codec.decompress(plain, limit=file.plain_size))
            return None if size == file.plain_size else f"{file.name} has {size} bytes instead of {file.plain_size}."
        lbx.check_intact(stored, backup.expected(file))
    except (Tampered, NotFound) as exc:
        return exc.cause
    return None
