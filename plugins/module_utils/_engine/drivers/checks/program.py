# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program of the user's that ends with 0 where all is well."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import ProcessFailed, RecoveryError
from ...ground.printing import printable, shortened
from ...ground.process import Producer
from ...ground.units import human_duration

if t.TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 200
"""Letters of a program's last line that are told."""

_GRACE = "5"
_TIMED_OUT, _CANNOT_RUN, _NOT_FOUND = 124, 126, 127


@dataclasses.dataclass(frozen=True, slots=True)
class CommandQuestion:
    """Whether a program ends with 0. What it prints is thrown away but for the last line of its errors."""

    argv: tuple[str, ...]

    changes: t.ClassVar[bool] = True

    @property
    def wanted(self) -> str:
        return f"{shortened(' '.join(self.argv), LONGEST)} ends with 0"

    def ask(self, timeout: float, environ: Mapping[str, str]) -> str:
        """Return what came instead, an empty string for what is wanted."""
        # timeout(1) ends what the program started as well.
        limited = ["timeout", f"--kill-after={_GRACE}", f"{timeout:.3f}", *self.argv]
        try:
            with Producer(limited, env=environ) as child:
                for _block in child:
                    pass
        except ProcessFailed as exc:
            return self._failed(exc, timeout)
        except RecoveryError as exc:
            return exc.cause
        return ""

    def _failed(self, error: ProcessFailed, timeout: float) -> str:
        status = error.details.get("exit_status")
        said = (str(error.details.get("stderr") or "").splitlines() or [""])[-1]
        last = f": {shortened(printable(said), LONGEST)}" if said else ""
        known = {
            _TIMED_OUT: f"no end within {human_duration(timeout)}",
            _CANNOT_RUN: f"{self.argv[0]} cannot be run",
            _NOT_FOUND: f"{self.argv[0]} is not installed",
        }
        return known.get(t.cast("int", status), f"status {status}{last}")
