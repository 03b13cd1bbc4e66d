# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
What killed restores left on a server is dropped, and the history knows of it.
"""

from __future__ import annotations

import typing as t

from ..components.target import DROPPED
from ..model import Done, Outcome
from . import halfmade

if t.TYPE_CHECKING:
    from ..model import World
    from .restore_options import RestoreOptions


def drop(session: halfmade.Session, wanted: RestoreOptions, target: str, world: World) -> list[str]:
    """Drop what killed runs left of restores into `target`, and return the names."""
    dropped = halfmade.drop_leftovers(session, target)
    for name in dropped:
        said = f"The half-made database {name}, which an interrupted restore into {target} left, was dropped."
        facts = {"restore": {"target": name, "action": DROPPED}, "summary": said}
        about = {"cluster": wanted.cluster, "database": wanted.database}
        world.record(Done("restore", Outcome(changed=True, facts=facts), about))
    return dropped
