# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""A recovery to a moment, as it is planned: from which backup, along which timelines, to which segment."""

from __future__ import annotations

import dataclasses
import typing as t

from ...records.wal import targets

if t.TYPE_CHECKING:
    from ...records.wal.bases import Base
    from ...records.wal.lineage import Branch
    from ...records.wal.targets import Target


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """
    A recovery from `base` along `branch` to `target`, which reads the stored segments from `first` to `last`.

    `last` is the one in which the target lies, where that is known, with its `position`; else the last one that is
    stored. It is before `first` where the backup itself has all that is needed.
    """

    target: Target
    base: Base
    branch: Branch
    first: int
    last: int
    warnings: tuple[str, ...] = ()
    position: int | None = None

    @property
    def reach(self) -> int | None:
        """The position up to which the log may be replayed and the target still be reached; None where all may be."""
        if self.target.kind == targets.LATEST:
            return None
        return self.base.stop if self.position is None else self.position

    @property
    def certain(self) -> bool:
        """Whether the target is known to lie in the last segment."""
        return self.target.kind in {"time", "lsn", targets.IMMEDIATE}
