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
from ...ground.errors import KeyRefused, NotFound, StoreError, Tampered, UsageError
from ...ground.model import Outcome
from ...ground.progress import Progress, status_directory
from ...ground.streams import counted
from ...ground.units import human_count, human_duration, human_size
from ...records.repository import catalogue, newer, readings
from ...records.repository import names as repository
from ...records.repository.reread import RereadFiles

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
        sound, damages, gone = _read_all(picked, request.level, progress)
    if not world.dry_run:
        RereadFiles(request.repository.state_dir, request.repository.place).add(opened.application, sound)
    problems = [*passed, *(problem.sentence for problem in opened.problems), *damages]
    return _report(request, chosen, picked, gone, problems, (world.now() - started).total_seconds())


def _read_all(
    picked: list[tuple[catalogue.Backup, File]], level: str, progress: Progress
) -> tuple[list[str], list[str], set[str]]:
    """Read files. Return the names of the sound ones, what is wrong with others, and the backups let go meanwhile."""
    sound, damages, gone = [], [], set()
    progress.plan({file.name: file.size for _backup, file in picked})
    progress.phase("read")
    for backup, file in picked:
        member = progress.member(file.name)
        found = _read(backup, file, level, member.note)
        if not found:
            sound.append(file.name)
        elif backup.manifest.backup_id in gone or readings.is_expired(backup):
            gone.add(backup.manifest.backup_id)
        else:
            damages += found
        member.finish()
    return sound, damages, gone


def _report(  # noqa: PLR0917
    request: VerifyRequest,
    chosen: list[catalogue.Backup],
    picked: list[tuple[catalogue.Backup, File]],
    gone: set[str],
    problems: list[str],
    seconds: float,
) -> Outcome:
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
        "problems": problems,
    }
    if problems:
        raise Tampered(
            f"{len(problems)} of the files read are corrupted or missing; the first: {problems[0]}",
            "Do not rely on these backups; keep their replicas, make a new backup, and check the store.",
            **facts,
        )
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
        return [chosen.backup], chosen.notes if chosen.certain else ()
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


def _read(backup: catalogue.Backup, file: File, level: str, note: Callable[[int], None]) -> list[str]:
    """Read one file; give what is wrong with it, as sentences."""
    stored = counted(backup.store.get(file.name), note)
    try:
        if level == "opens":
            plain = lbx.open_file(stored, backup.expected(file), backup.trusted_keys.opener)
            size = sum(len(block) for block in codec.decompress(plain, limit=file.plain_size))
            return [] if size == file.plain_size else [f"{file.name} has {size} bytes instead of {file.plain_size}."]
        lbx.check_intact(stored, backup.expected(file))
    except (Tampered, NotFound) as exc:
        return [exc.cause]
    except KeyRefused:
        raise
    except StoreError as exc:
        return [f"{file.name} could not be read: {exc.cause}"]
    return []
