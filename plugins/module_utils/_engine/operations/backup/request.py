# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup is asked for with."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground import codec
from ...ground.errors import UsageError, require_one_of
from ...ground.verbs import REASONS
from ...records.anomalies import judging

if t.TYPE_CHECKING:
    from ...drivers.components.source import Source
    from ...records.repository.catalogue import RepositorySettings
    from .storing import BackupFiles


@dataclasses.dataclass(frozen=True, slots=True)
class BackupRequest:
    """
    What to back up, and how.

    `max_age` is seconds, `min_bytes` counts plaintext, `max_shrink` is percent of the previous full backup's plaintext
    (0: off).
    """

    repository: RepositorySettings
    source: Source[BackupFiles]
    max_age: float | None = None
    reason: str = "manual"
    compression: str = "zstd:3"
    min_bytes: int = 0
    max_shrink: int = 50
    accept_shrink: bool = False
    thresholds: judging.Thresholds = judging.DEFAULTS

    def check(self) -> codec.Codec:
        """Return the compression. Raise UsageError for values that cannot be meant, before anything is touched."""
        require_one_of("reason", self.reason, REASONS)
        self.source.check()
        if not 0 <= self.max_shrink <= 100:
            raise UsageError(
                f"max_shrink: {self.max_shrink} is not a percentage.", "Use a value from 0 to 100.", field="max_shrink"
            )
        return codec.Codec.parse(self.compression)
