# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore is asked for with."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import require_one_of
from ...records.anomalies.thresholds import DEFAULTS, Thresholds

if t.TYPE_CHECKING:
    from ...drivers.components.target import Target
    from ...records.repository.catalogue import RepositorySettings

EMERGENCY = ("auto", "required", "off")


@dataclasses.dataclass(frozen=True, slots=True)
class RestoreRequest:
    """
    What to restore, and where to.

    `backup` is a selector; `recovery_id` ties the reruns of one recovery together; `loan` is the socket at which the
    rights are lent; `thresholds` say when a backup is suspicious.
    """

    repository: RepositorySettings
    target: Target
    backup: str = "latest"
    confirm: str = ""
    emergency_backup: str = "auto"
    recovery_id: str = ""
    validate: bool = True
    loan: str = ""
    thresholds: Thresholds = DEFAULTS

    def check(self) -> None:
        """Raise UsageError on values that cannot be meant."""
        require_one_of("emergency_backup", self.emergency_backup, EMERGENCY)
        self.target.check()
