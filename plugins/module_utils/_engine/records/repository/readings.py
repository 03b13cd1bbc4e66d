# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Who reads a backup says so in the store, so that retention does not take it away meanwhile.

A reader first announces, then looks whether the manifest is still there. Retention first removes the manifest, then
looks for announcements, and only then removes the files. So one of them always sees the other. An announcement is not
signed: like a pin that nobody can check, it protects; but it ends by itself, a day after it was last renewed by the
store's own time, and at once when this machine knows that its reader is dead.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import threading
import typing as t

from ...drivers.stores.base import is_there
from ...ground import holder
from ...ground.errors import NotFound, RecoveryError, StoreError, UsageError
from . import marks
from . import names as repository

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...drivers.stores.base import ObjectInfo, Store
    from .stored_backup import Backup

LEASE = datetime.timedelta(hours=24)
"""For how long an announcement holds after the store took it."""

RENEWED = datetime.timedelta(hours=4)
"""How often a reader renews it: a store may fail a few times in between."""

_LARGEST = 4096


class Reading:
    """One reader of one backup. `problem` says why it could not be announced; it is empty where it stands."""

    def __init__(self, backup: Backup, doing: str, token: str) -> None:
        record = backup.manifest
        self.problem = ""
        self._backup = backup
        self._name = repository.reading(record.application, record.backup_id, token)
        self._data = json.dumps({"doing": doing, **holder.stamp()}).encode()
        self._ended = threading.Event()
        self._renewing = threading.Thread(target=self._renew, daemon=True)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to tell about it."""
        if not self.problem:
            return ()
        identity = self._backup.manifest.backup_id
        return (f"Retention may delete {identity} while it is read, as no mark could be written: {self.problem}",)

    def require(self) -> None:
        """Raise UsageError unless the backup surely stays while it is read: announced, pinned, on hold, or locked."""
        record, store = self._backup.manifest, self._backup.store
        if not self.problem:
            return
        read = marks.of(self._backup, *repository.SET_MARKS)
        name = repository.manifest(record.application, record.component, record.backup_id)
        if not (read.pinned or read.held or store.locked_until(name)):
            raise UsageError(
                f"Retention could delete {record.backup_id} during the in-place restore, as no mark can be written: "
                f"{self.problem}",
                "Allow these credentials to write below marks/, pin the backup (backup_mark), or use strategy: swap.",
                field="strategy",
            )

    def begin(self) -> None:
        """Announce it. Raise NotFound when the backup was let go just before."""
        record, store = self._backup.manifest, self._backup.store
        try:
            store.put_new(self._name, self._data)
        except StoreError as exc:
            self.problem = exc.cause
        store.head(repository.manifest(record.application, record.component, record.backup_id))
        if not self.problem:
            self._renewing.start()

    def end(self) -> None:
        """Take it back. A store that does not let us keeps it until it ends by itself."""
        self._ended.set()
        if not self.problem:
            if self._renewing.is_alive():
                self._renewing.join()
            with contextlib.suppress(StoreError):
                self._backup.store.delete(self._name)

    def _renew(self) -> None:
        while not self._ended.wait(RENEWED.total_seconds()):
            with contextlib.suppress(StoreError):
                self._backup.store.put(self._name, [self._data])


@contextlib.contextmanager
def announced(backup: Backup, doing: str, token: str) -> Iterator[Reading]:
    """
    Let it be known in the block that a backup is being read.

    What goes wrong there because retention let the backup go is raised as NotFound that says so.
    """
    reading = Reading(backup, doing, token)
    try:
        reading.begin()
        yield reading
    except RecoveryError as exc:
        if is_expired(backup):
            raise gone(backup, exc) from exc
        raise
    finally:
        reading.end()


@contextlib.contextmanager
def announced_all(chain: Iterable[Backup], doing: str, token: str) -> Iterator[list[Reading]]:
    """Let it be known in the block that all of these backups are being read."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(announced(backup, doing, token)) for backup in chain]


def is_expired(backup: Backup) -> bool:
    """Whether retention took the backup away; what cannot be found out is not said."""
    record = backup.manifest
    with contextlib.suppress(RecoveryError):
        listed = is_there(backup.store, repository.manifest(record.application, record.component, record.backup_id))
        return not listed and marks.of(backup, "expired").expired
    return False


def gone(backup: Backup, error: RecoveryError) -> NotFound:
    """Return the error for a backup that was let go while it was read; what else `error` advises is kept."""
    identity = backup.manifest.backup_id
    lost = error.details.get("emergency_backup_id") is not None
    return NotFound(
        f"{identity} was deleted by retention while this ran." + (f" {error.cause}" if lost else ""),
        error.remedy if lost else "Choose a backup that retention keeps, or pin one, and run again.",
        **{**error.details, "backup_id": identity},
    )


def standing(
    store: Store, application: str, infos: Iterable[ObjectInfo], now: datetime.datetime
) -> dict[str, tuple[str, datetime.datetime]]:
    """Return, of the announcements among these objects that hold, who reads what, and until when at least, by id."""
    found: dict[str, tuple[str, datetime.datetime]] = {}
    for info in infos:
        identity = repository.parse_reading(application, info.name)
        if identity is None or info.modified + LEASE <= now:
            continue
        try:
            record = json.loads(b"".join(store.get(info.name, 0, _LARGEST)))
        except NotFound:
            continue
        except ValueError:
            record = None
        if not holder.is_dead(record):
            found[identity] = (_reader(record), info.modified + LEASE)
    return found


def _reader(record: t.Any) -> str:
    words = [record.get(key) for key in ("doing", "host")] if isinstance(record, dict) else []
    if all(isinstance(word, str) and word.isprintable() and len(word) < 100 for word in words) and words:
        return f"{words[0]} on {words[1]}"
    return "somebody"
