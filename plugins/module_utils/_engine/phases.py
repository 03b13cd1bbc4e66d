# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
How long each phase of an operation took.
"""

from __future__ import annotations

import contextlib
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from .progress import Progress


class Phases:
    """Measures phases by the clock `now`, and shows each in `progress` as it begins."""

    def __init__(self, now: Callable[[], datetime], progress: Progress | None = None) -> None:
        self._now = now
        self._progress = progress
        self.seconds: dict[str, float] = {}

    @property
    def milliseconds(self) -> dict[str, int]:
        """The same as whole numbers, for records that hold no others."""
        return {name: round(seconds * 1000) for name, seconds in self.seconds.items()}

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Count the block as the phase `name`, unless it fails."""
        if self._progress is not None:
            self._progress.phase(name)
        began = self._now()
        yield
        self.seconds[name] = round((self._now() - began).total_seconds(), 3)
