# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a source to stored files: a backup is captured at one moment, and begun again where that moment was none."""

from __future__ import annotations

import dataclasses
import secrets
import typing as t

from ...ground.errors import Busy
from ...ground.progress import Phases
from ...records.repository import manifest
from ...records.repository import names as repository
from .storing import BackupFiles

if t.TYPE_CHECKING:
    import datetime

    from ...drivers.components.source import Captured, Known
    from ...drivers.crypto import lbx
    from ...ground import codec
    from ...ground.model import World
    from ...ground.progress import Progress
    from ...records.repository import catalogue
    from .request import BackupRequest

ATTEMPTS = 4
"""Captures that are begun before what is in their way is somebody else's problem."""

PAUSE = 2.0
"""Seconds before the second attempt; doubled for each further one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """What an attempt stored."""

    files: BackupFiles
    captured: Captured
    started: datetime.datetime
    finished: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Attempts:
    """One backup of `component` that is carried out, in as many attempts as it takes."""

    request: BackupRequest
    world: World
    opened: catalogue.Repository
    component: str
    writer: lbx.Writer
    compression: codec.Codec
    progress: Progress

    def captured(self, known: Known) -> Made:
        """
        Capture, with a fresh moment and a fresh id for each attempt.

        Raise Busy when none succeeded. What a failed attempt stored is removed as far as the store lets us.
        """
        for attempt in range(1, ATTEMPTS):
            try:
                return self._attempt(known, attempt)
            except Busy:
                self.world.sleep(PAUSE * 2 ** (attempt - 1))
        return self._attempt(known, ATTEMPTS)

    def _attempt(self, known: Known, number: int) -> Made:
        started = self.world.now()
        files = BackupFiles(
            self.opened.store,
            self.opened.application,
            repository.backup_id(started, secrets.token_hex(8)),
            self.writer,
            self.compression,
            component=self.component,
            attempt=number,
            progress=self.progress,
            phases=Phases(self.world.now, self.progress),
        )
        try:
            captured = self.request.source.capture(known, files, self.world)
        except BaseException:
            files.discard()
            raise
        return Made(files, captured, started, self.world.now())

    def manifest(self, made: Made) -> manifest.Manifest:
        """Return the record that will make the backup exist."""
        return manifest.Manifest(
            application=self.opened.application,
            backup_id=made.files.backup_id,
            component=self.component,
            kind=self.request.source.kind,
            scope=made.captured.scope,
            reason=self.request.reason,
            proof=made.captured.proof,
            started=made.started,
            finished=made.finished,
            versions=dict(made.captured.versions),
            recipients=tuple(recipient.kid for recipient in self.writer.recipients),
            parents=made.captured.parents,
            files=made.files.files,
            wal=made.captured.wal,
            copy=made.captured.copy,
        )
