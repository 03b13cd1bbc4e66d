# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recoveries and drills before, of which forecasts are made: their journals, which are the only record of them."""

from __future__ import annotations

import dataclasses
import typing as t

from ...ground.errors import NotFound, RecoveryError, Tampered
from ...records.recovery.events import MODES
from ...records.recovery.journal import RecoveryJournal

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ...records.recovery.journal import Place
    from ...records.recovery.state import State

MOST = 8
"""Journals that are read, the newest ones: a recovery must not wait for its forecast."""


def earlier(place: Place, *, but: str = "") -> Iterator[State]:
    """
    Yield how the last recoveries and drills went, except one. What cannot be read or believed is left out.

    Nothing of them is kept on this host: what is kept there ran there.
    """
    reading = dataclasses.replace(place, read_only=True)
    known = sorted(((identity, mode) for mode in MODES for identity in place.recoveries(mode)), reverse=True)
    for identity, mode in [each for each in known if each[0] != but][:MOST]:
        try:
            yield RecoveryJournal(reading, mode, identity).recall().state
        except (NotFound, Tampered):
            continue
        except RecoveryError:  # neither will the others be read
            return
